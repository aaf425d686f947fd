import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";

/** A virtual environment in this folder, without numpy and all, but with these modules. Returns its interpreter. */
export async function ownPython(folder: string, modules: Readonly<Record<string, string>> = {}): Promise<string> {
  await execa("python3", ["-m", "venv", "--without-pip", folder]);
  const python = join(folder, "bin/python");
  const { stdout: packages } = await execa(python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
  for (const [file, source] of Object.entries(modules)) {
    await mkdir(dirname(join(packages, file)), { recursive: true });
    await writeFile(join(packages, file), source);
  }
  return python;
}
