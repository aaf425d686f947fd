import type { HostileProgram } from "./hostile-program.ts";
import { exhaustion } from "./programs/exhaustion.ts";
import { forgingResults } from "./programs/forging-results.ts";
import { kernelInterfaces } from "./programs/kernel-interfaces.ts";
import { network } from "./programs/network.ts";
import { nextExecution } from "./programs/next-execution.ts";
import { oddPrograms } from "./programs/odd-programs.ts";
import { otherProcesses } from "./programs/other-processes.ts";
import { reading } from "./programs/reading.ts";
import { refusingToEnd } from "./programs/refusing-to-end.ts";
import { writing } from "./programs/writing.ts";

export const topics: Record<string, readonly HostileProgram[]> = {
  network,
  reading,
  writing,
  "other processes": otherProcesses,
  "kernel interfaces": kernelInterfaces,
  exhaustion,
  "refusing to end": refusingToEnd,
  "forging results": forgingResults,
  "the next execution": nextExecution,
  "odd programs": oddPrograms,
};

export const programs = Object.values(topics).flat();
