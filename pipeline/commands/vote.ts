export { voteCommand as command } from "./stage-command.ts";
