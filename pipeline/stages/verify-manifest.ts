import {
  candidatesFile,
  manifestFile,
  problemsFile,
  rejectedFile,
  selectedFile,
  turnsFile,
  votesFile,
} from "../artifacts/artifact-file.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import { differences } from "../core/differences.ts";
import type { Check } from "../core/verification.ts";
import type { Verification } from "./verify.ts";

/** The figure of a stage that tells how many rows a file has. */
const figures = [
  { stage: "load", figure: "problems", file: problemsFile.name },
  { stage: "filter", figure: "selected", file: selectedFile.name },
  { stage: "filter", figure: "rejected", file: rejectedFile.name },
  { stage: "generate", figure: "turns", file: turnsFile.name },
  { stage: "generate", figure: "candidates", file: candidatesFile.name },
  { stage: "vote", figure: "votes", file: votesFile.name },
  { stage: "score", figure: "problems", file: selectedFile.name },
];

/** Whether a run says that it has written a file whole. */
export function isWritten({ state, stages }: Manifest, file: string): boolean {
  const stage = figures.find((each) => each.file === file)?.stage ?? "score";
  return state === "complete" || (stage === "generate" ? hasGenerated({ stages }) : stages[stage] !== undefined);
}

const hasGenerated = ({ stages }: Pick<Manifest, "stages">) => stages.generate?.complete === 1;

/** The config's checksum. The profile has none: it is compared with the one of that name that sctir has now. */
export function checkConfig({ run, checks }: Verification): void {
  const { manifest, configHash, profile, ownProfile, isOtherTool } = run;
  const check = checks.add("manifest.json: config and profile");
  if (manifest?.kind !== "document") {
    if (manifest) check.fault({ ...manifest.fault, file: manifestFile });
    else check.skip("there is no manifest.json: the defaults hold");
    return;
  }
  const found = manifest.value.configHash;
  if (found === configHash) check.hold();
  else if (isOtherTool)
    check.trust("the config as it stands there: another version took the hash, of other keys maybe");
  else check.fault({ file: manifestFile, field: "configHash", expected: configHash, found });
  if (!ownProfile) check.trust(`the profile ${profile.name} as it stands there: none of this name is here`);
  else if (differences(ownProfile, profile).length === 0) check.hold();
  else check.trust(`the profile ${profile.name} as it stands there: the one of this name is another one now`);
}

/** What the manifest says of its stages against the rows that were counted. */
export function checkCounts({ run, store }: Verification, check: Check): void {
  if (run.manifest?.kind !== "document") return;
  const manifest = run.manifest.value;
  for (const { stage, figure, file } of figures) {
    const recorded = manifest.stages[stage]?.[figure];
    const rows = store.counts.get(file);
    if (recorded === undefined || rows === undefined) continue;
    const field = `stages.${stage}.${figure}`;
    // A run that was interrupted records how far it had come; it may have gone on since, and been killed.
    const isBehind = stage === "generate" && !hasGenerated(manifest) && recorded < rows;
    if (recorded === rows) check.hold();
    else if (isBehind) check.skip(`${field} is from before the run went on`);
    else check.fault({ file: manifestFile, field, expected: `${rows} (rows of ${file})`, found: `${recorded}` });
  }
}
