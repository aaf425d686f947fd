/** Something that does not follow from what comes before it: where it stands, what should stand there, and what does. */
export interface Fault {
  file: string;
  line?: number; // from 1
  byte?: number; // at which the line begins
  row?: string; // whose row it is
  field?: string; // dotted
  expected: string;
  found: string;
}

/** What a check has come to, over all its units: rows, turns, numbers. */
export interface CheckReport {
  check: string;
  held: number;
  onTrust: number; // consistent with what is there, which does not prove them
  notChecked: number;
  faults: number;
  notes: string[]; // why some are on trust, or not checked
  firstFaults: Fault[];
  firstDifferences: Fault[]; // of those on trust, where something else comes out here
}

/** One thing that is checked of a run. */
export class Check {
  readonly #name: string;
  readonly #listedAtMost: number;
  readonly #reasons = new Map<string, number>();
  readonly #firstFaults: Fault[] = [];
  readonly #firstDifferences: Fault[] = [];
  #held = 0;
  #onTrust = 0;
  #notChecked = 0;
  #faults = 0;

  constructor(name: string, listedAtMost: number) {
    this.#name = name;
    this.#listedAtMost = listedAtMost;
  }

  hold(count = 1): void {
    this.#held += count;
  }

  trust(why: string, count = 1): void {
    this.#onTrust += count;
    this.#because(why, count);
  }

  /** Taken on trust, although something else comes out here. */
  differ(why: string, difference: Fault): void {
    this.trust(why);
    if (this.#firstDifferences.length < this.#listedAtMost) this.#firstDifferences.push(difference);
  }

  skip(why: string, count = 1): void {
    this.#notChecked += count;
    this.#because(why, count);
  }

  fault(fault: Fault): void {
    this.#faults += 1;
    if (this.#firstFaults.length < this.#listedAtMost) this.#firstFaults.push(fault);
  }

  get report(): CheckReport {
    const reasons = [...this.#reasons].toSorted(([, a], [, b]) => b - a);
    return {
      ...{ check: this.#name, held: this.#held, onTrust: this.#onTrust, notChecked: this.#notChecked },
      faults: this.#faults,
      notes: reasons.map(([why, count]) => (count === 1 ? why : `${count} ${why}`)),
      ...{ firstFaults: this.#firstFaults, firstDifferences: this.#firstDifferences },
    };
  }

  #because(why: string, count: number): void {
    this.#reasons.set(why, (this.#reasons.get(why) ?? 0) + count);
  }
}

/** The checks of a run, in the order in which they are told. */
export class CheckList {
  readonly #all: Check[] = [];
  readonly #listedAtMost: number;
  readonly #byFile = new Map<string, Check>();

  /** So many faults of each check are kept. */
  constructor(listedAtMost: number) {
    this.#listedAtMost = listedAtMost;
  }

  /** `file`: the one whose rows it is about. */
  add(name: string, file?: string): Check {
    const check = new Check(name, this.#listedAtMost);
    this.#all.push(check);
    if (file !== undefined) this.#byFile.set(file, check);
    return check;
  }

  of(file: string): Check {
    return this.#byFile.get(file) ?? this.add(file, file);
  }

  /** Of those that had anything to check. */
  get reports(): CheckReport[] {
    const reports = this.#all.map(({ report }) => report);
    return reports.filter(({ held, onTrust, notChecked, faults }) => held + onTrust + notChecked + faults > 0);
  }
}
