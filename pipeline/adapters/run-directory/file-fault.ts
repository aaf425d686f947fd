import { UserError } from "../../core/user-error.ts";

const remedies: Record<string, string> = {
  ENOSPC:
    "The disk is full, or has no room for more files. Free some space and run the same command again: it goes on where it stopped.",
  EDQUOT: "The disk quota is used up. Free some space and run the same command again: it goes on where it stopped.",
  EFBIG: "The file is larger than is allowed here. Raise the limit (ulimit -f) and run the same command again.",
  EROFS: "The file system is read-only. Choose another directory with --out.",
  EACCES: "Check the permissions, or choose another directory with --out.",
  EPERM: "Check the permissions, or choose another directory with --out.",
  EMFILE: "Too many files are open. Raise the limit (ulimit -n) and run the same command again.",
  ENFILE: "The system has too many files open. Close some programs and run the same command again.",
  ENOENT: "The directory is gone. Was it moved or deleted while the run went on?",
  ESTALE: "The network file system has lost the file. Was it moved or deleted while the run went on?",
  EEXIST: "A file of that name stands there. Choose another directory with --out.",
  ELOOP: "A symbolic link stands there, and a run writes to files of its own directory alone. Put the file there.",
  ENAMETOOLONG: "The path is longer than is allowed here. Choose a shorter one with --out.",
  ENOTDIR: "A part of the path is a file.",
  EISDIR: "A directory stands where a file should be.",
  EIO: "The disk reported an error. Check it, then run the same command again.",
};

/** A fault of the file system as an error for the user; anything else is passed on as it is. */
export function fileFault(action: string, path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (!(error instanceof Error && "syscall" in error)) return error;
  const hint = remedies[code] ?? "Look for the cause, then run the same command again: it goes on where it stopped.";
  return new UserError(`Cannot ${action} ${path}: ${code}.`, { hint, cause: error });
}

/** Whether an error says that nothing is there, or not any more. */
export function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ESTALE"].includes(errorCode(error));
}

/** The error for what was in its place when this process began to write it. */
export function takenAway(path: string): UserError {
  return new UserError(`${path} was moved, replaced or deleted while it was written.`, {
    hint: "Nothing more is written. What was moved can be gone on with: the same command, with --out.",
  });
}

/** Of a fault of the file system, such as ENOENT; empty for anything else. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
