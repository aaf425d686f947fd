import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { type Profile, profileSchema } from "../../pipeline/artifacts/profile.ts";

/** One of the project's profiles. */
export function profileNamed(name: string): Profile {
  return profileSchema.parse(parse(readFileSync(new URL(`../../profiles/${name}.yaml`, import.meta.url), "utf8")));
}
