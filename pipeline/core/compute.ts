import type { Compute } from "../artifacts/manifest.ts";

/** What computed, in words. */
export function describeCompute({ backend, gpuLayers, layers, devices }: Compute): string {
  if (gpuLayers === 0) return "on the processor";
  return `with ${gpuLayers} of ${layers} layers on ${devices.join(" and ")} (${backend})`;
}
