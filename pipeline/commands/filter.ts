export { filterCommand as command } from "./stage-command.ts";
