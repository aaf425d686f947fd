import { rm } from "node:fs/promises";
import { join } from "node:path";
import { randomStream } from "../../pipeline/core/seed.ts";
import type { Aim, Draw } from "./kill-storm-aims.ts";
import type { Ending } from "./kill-storm-endings.ts";
import { Episode } from "./kill-storm-episode.ts";
import { StormGround } from "./kill-storm-ground.ts";
import type { VariantName } from "./kill-storm-workload.ts";

export interface StormOptions {
  /** At least so many; the run that is under way is brought to its end. */
  kills: number;
  seed: number;
  /** Taken in turn. */
  variants: readonly VariantName[];
  /** Of an episode, which are numbered from 0; `runMilliseconds` is what a run takes that is left alone. */
  aims: (draw: Draw, runMilliseconds: number, episode: number) => Aim[];
  ending: (draw: Draw) => Ending;
  /** What has to be hit, too, before the storm is over. */
  phases: readonly string[];
  /** Asked after each run: whether it is to end, whatever is missing. */
  isEnough?(): boolean;
  onEpisode?(report: StormReport): void;
}

export interface StormReport {
  seed: number;
  kills: number;
  /** How often what was hit: a process can be in a stage and between a file's writing and its renaming. */
  phases: Record<string, number>;
  endings: Record<string, number>;
  runs: number; // that were completed in the end
  rows: number;
  lostRows: number;
  boughtAgain: number; // turns, in the runs whose engine counts
  boughtAgainAtMost: number;
  orphans: number;
  /** The storm ends at the first: what is wrong with a run, and all that was done to it. */
  faults: string[];
}

/**
 * Runs that are ended again and again, at aims, and begun again with the same command until they are complete. Each is
 * compared with one that was left alone.
 */
export async function storm(options: StormOptions): Promise<StormReport> {
  await using ground = await StormGround.prepare();
  const report: StormReport = {
    ...{ seed: options.seed, kills: 0, phases: {}, endings: {}, runs: 0, rows: 0, lostRows: 0 },
    ...{ boughtAgain: 0, boughtAgainAtMost: 0, orphans: 0, faults: [] },
  };
  const isDone = () =>
    report.faults.length > 0 ||
    options.isEnough?.() ||
    (report.kills >= options.kills && options.phases.every((phase) => report.phases[phase]));
  const episodesAtMost = 10 + options.kills; // should nothing ever be hit
  for (let number = 0; number < episodesAtMost && !isDone(); number++) {
    await stormOne(ground, options, number, report);
    options.onEpisode?.(report);
  }
  return report;
}

async function stormOne(ground: StormGround, options: StormOptions, number: number, report: StormReport) {
  const { seed, variants, aims, ending: drawEnding } = options;
  const draw = randomStream(1000 * seed + number);
  const name = variants[number % variants.length] ?? "embedded";
  const setting = await ground.setting(name);
  const folder = join(ground.folder, `${name}-${number}`);
  const episode = new Episode(ground, setting, folder);
  for (const { aim, isHasty } of withHaste(aims(draw, setting.milliseconds, number), draw)) {
    const ending = drawEnding(draw);
    const phases = await episode.strike({ aim, ending }, isHasty);
    if (episode.isOver) break;
    if (phases === undefined) continue;
    report.kills += 1;
    for (const phase of phases) report.phases[phase] = (report.phases[phase] ?? 0) + 1;
    report.endings[ending] = (report.endings[ending] ?? 0) + 1;
  }
  await episode.finish();

  report.runs += 1;
  report.rows += episode.journal.rows;
  report.lostRows += episode.journal.lost.size;
  report.boughtAgain += episode.boughtAgain;
  report.boughtAgainAtMost += episode.boughtAgainAtMost;
  report.orphans += episode.orphans;
  const { faults, story } = episode;
  if (faults.length > 0) report.faults.push([`episode ${number}, ${name}`, ...faults, ...story].join("\n  "));
  await rm(folder, { recursive: true });
}

/** Now and then a run is begun again without waiting, and ended again soon. */
function* withHaste(aims: readonly Aim[], draw: Draw): Generator<{ aim: Aim; isHasty: boolean }> {
  for (const aim of aims) {
    const isHasty = draw() < 0.15;
    yield { aim, isHasty };
    if (isHasty) yield { aim: { at: "time", milliseconds: Math.floor(draw() * 1000) }, isHasty: false };
  }
}
