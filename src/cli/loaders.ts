// Where the code of each verb lies. A verb is imported when it runs, so that a
// quick command never pays for a slow one. Every file of commands/ exports one
// function, `run`; nothing else may load them.

import type { Invocation } from "./invocation.ts";
import type { Input, Verb } from "./verbs.ts";

/** An exit code only where a failure does not decide it. */
export type Run<V extends Verb> = (
  invocation: Invocation,
  input: Input<V>,
) => Promise<number | void>;

export const loaders: {
  readonly [V in Verb]: () => Promise<{ readonly run: Run<V> }>;
} = {
  "init": () => import("./commands/init.ts"),
  "up": () => import("./commands/up.ts"),
  "down": () => import("./commands/down.ts"),
  "restart": () => import("./commands/restart.ts"),
  "status": () => import("./commands/status.ts"),
  "seed": () => import("./commands/seed.ts"),
  "inspect": () => import("./commands/inspect.ts"),
  "unseed": () => import("./commands/unseed.ts"),
  "call": () => import("./commands/call.ts"),
  "invite": () => import("./commands/invite.ts"),
  "invite ls": () => import("./commands/invite_ls.ts"),
  "invite revoke": () => import("./commands/invite_revoke.ts"),
  "join": () => import("./commands/join.ts"),
  "grant": () => import("./commands/grant.ts"),
  "deny": () => import("./commands/deny.ts"),
  "allow": () => import("./commands/allow.ts"),
  "props": () => import("./commands/props.ts"),
  "leave": () => import("./commands/leave.ts"),
  "ping": () => import("./commands/ping.ts"),
  "root sign": () => import("./commands/root_sign.ts"),
  "root apply": () => import("./commands/root_apply.ts"),
  "history": () => import("./commands/history.ts"),
  "diff": () => import("./commands/diff.ts"),
  "forget": () => import("./commands/forget.ts"),
  "logs": () => import("./commands/logs.ts"),
  "id": () => import("./commands/id.ts"),
  "set": () => import("./commands/set.ts"),
  "unset": () => import("./commands/unset.ts"),
  "config show": () => import("./commands/config_show.ts"),
  "recover": () => import("./commands/recover.ts"),
  "purge": () => import("./commands/purge.ts"),
  "sim list": () => import("./commands/sim_list.ts"),
  "sim run": () => import("./commands/sim_run.ts"),
  "version": () => import("./commands/version.ts"),
  "completion": () => import("./commands/completion.ts"),
  "help": () => import("./commands/help.ts"),
  "__complete": () => import("./commands/complete.ts"),
};
