/** Where a model's program seems to stand: the path in its tracebacks, and the directory it runs in. */
export const scriptPath = "/tmp/sctir/program.py";
