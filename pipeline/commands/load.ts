export { loadCommand as command } from "./stage-command.ts";
