import { z } from "zod";

/** Names of Python modules, dotted ones too. */
export const pythonModules = z.array(
  z.string().regex(/^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*$/u, "expected the name of a Python module"),
);
