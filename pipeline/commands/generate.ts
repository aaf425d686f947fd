export { generateCommand as command } from "./stage-command.ts";
