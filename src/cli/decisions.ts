// Decisions about members as people make them: asked of the daemon and, where
// only the root can decide, signed here with the root key or printed as a
// request for whoever has it. The root key is read by this short command only,
// never by the daemon; a passphrase never stands in argv.

import type { ControlClient, Decision } from "../control/mod.ts";
import { parseRootRequest } from "../identity/mod.ts";
import { ConflictError } from "../kernel/mod.ts";
import { exitPermission } from "./failure.ts";
import type { Invocation } from "./invocation.ts";
import { findRootKey, type RootKeyFlags, signRequest } from "./root_key.ts";

/** Flags of a decision that may need the root. */
export type DecisionFlags = RootKeyFlags & { readonly request: boolean };

type Done = Decision & { readonly type: "done" };
type NeedsRoot = Decision & { readonly type: "needs-root" };
type Ask = (members: ControlClient["members"]) => Promise<Decision>;

/**
 * @param options.done What to say when it is done.
 * @returns 4 when it is not, since the root key was not here.
 * @throws {PlnError} The daemon refuses, or the root key cannot be used.
 */
export async function decide(
  invocation: Invocation,
  ask: Ask,
  options: {
    readonly flags: DecisionFlags;
    readonly done: (decision: Done) => string;
  },
): Promise<number | void> {
  const { flags, done } = options;
  const decision = await invocation.ask(({ members }) => ask(members));
  if (decision.type === "done") {
    if (flags.request) {
      await invocation.note("This needed no root key: it is done");
    }
    return await invocation.answer(
      { version: 1, ...decision },
      done(decision),
    );
  }
  const request = parseRootRequest(decision.request);
  const { cluster } = request;
  const key = flags.request
    ? undefined
    : await findRootKey(invocation, flags, { cluster });
  if (key === undefined) {
    await handOut(invocation, decision);
    return flags.request ? undefined : exitPermission;
  }
  const { text } = await signRequest(invocation, request, { key });
  const applied = await applyStatement(invocation, text);
  await invocation.answer({ version: 1, ...applied }, done(applied));
}

/** Hands the daemon what the root has signed. */
export async function applyStatement(
  invocation: Invocation,
  statement: string,
): Promise<Done> {
  const decision = await invocation.ask(({ members }) =>
    members.applyStatement(statement)
  );
  if (decision.type === "done") return decision;
  throw new ConflictError("The daemon asks for another signature", {
    hint: "Make a new request, and have that signed",
  });
}

async function handOut(
  invocation: Invocation,
  decision: NeedsRoot,
): Promise<void> {
  await invocation.note(
    "Only the root key decides this, and it was not used here: nothing is\n" +
      "changed yet. Where the root key is, run\n" +
      "  pln root sign <the line below>\n" +
      "and then here, or at another admin:\n" +
      "  pln root apply <the line that it prints>",
  );
  const { request } = decision;
  await invocation.answer({ version: 1, ...decision }, `${request}\n`);
}
