export { scoreCommand as command } from "./stage-command.ts";
