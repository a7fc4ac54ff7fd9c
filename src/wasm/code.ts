// Rewrites the code section: every body with its checks, and with memory.size
// and memory.grow replaced. In go the frame and the declared functions; out
// come the new content of the section and what the code does. Bodies are read
// twice when they are small: first to learn which of them need no check, since
// that decides what a call of them costs.

import { checkLimit } from "./body_limits.ts";
import { limits } from "../kernel/mod.ts";
import { type FunctionType, typeAt } from "./declarations.ts";
import { BranchHints } from "./branch_hints.ts";
import { type EditCode, Edits } from "./edits.ts";
import {
  callee,
  Callees,
  type FunctionSpace,
  uncheckedCostMax,
} from "./callees.ts";
import { BodyMeter } from "./metering.ts";
import { Reader } from "./reader.ts";
import { malformed } from "./refusal.ts";
import { type ModuleFrame, readSection, sectionId } from "./sections.ts";
import type { SideEffects } from "./side_effects.ts";
import { readValueType } from "./value_types.ts";
import { type ByteRange, Writer } from "./writer.ts";

export type CodeNeeds = FunctionSpace & {
  /** How many values each tag carries. */
  readonly tags: readonly number[];
  readonly editCode: EditCode;
  /** Bodies of functions that come after the module's own. */
  readonly added: readonly ArrayLike<number>[];
};

export type RewrittenCode = {
  /** The section's content. */
  readonly content: Writer;
  readonly hints: BranchHints;
  readonly effects: SideEffects;
};

/** Checks are some 12 bytes each, and about one in 50 bytes of code. */
const growthGuess = 1.3;

/** @throws {ModuleRefusal} A body is over a limit or has unknown code. */
export function rewriteCode(
  frame: ModuleFrame,
  needs: CodeNeeds,
): RewrittenCode {
  const bodies = readSection(frame, {
    id: sectionId.code,
    read: (reader) => readBodies(reader, needs),
  }) ?? [];
  checkCount(bodies.length, needs);
  const callees = new Callees(needs);
  const edits = new Edits();
  const meter = new BodyMeter({ ...needs, callees }, edits);
  bodies.forEach((body, at) => {
    callees.learn(at, costOf(body, { meter, frame }));
  });
  const content = new Writer(Math.ceil(codeLength(bodies) * growthGuess));
  const hints = new BranchHints();
  content.integer(bodies.length + needs.added.length);
  bodies.forEach((body, at) => {
    const isChecked = callees.isChecked(at);
    meter.read(codeOf(body, frame), { ...body, isChecked });
    edits.write(content, body, { frame, code: needs.editCode });
    checkLimit("bytes of code with its checks", {
      count: content.length,
      max: limits.moduleCodeBytesMax,
    });
    hints.add(needs.importedCount + at, edits.branches);
  });
  for (const body of needs.added) {
    content.integer(body.length);
    content.all(body);
  }
  return { content, hints, effects: meter.effects };
}

/** What a call of the body costs, or that it checks by itself. */
function costOf(
  body: Body,
  { meter, frame }: { readonly meter: BodyMeter; readonly frame: ModuleFrame },
): number {
  const size = body.locals + body.to - body.codeStart;
  if (size > uncheckedCostMax) return callee.checked;
  const code = codeOf(body, frame);
  const cost = body.locals + meter.read(code, { ...body, isChecked: false });
  return meter.calls || cost > uncheckedCostMax ? callee.checked : cost;
}

/** A function body, from its declarations of locals to its end. */
type Body = ByteRange & {
  /** Where its instructions start. */
  readonly codeStart: number;
  /** Parameters included. */
  readonly locals: number;
  readonly type: FunctionType;
};

function codeOf({ codeStart, to }: Body, { bytes }: ModuleFrame): Reader {
  return new Reader(bytes, { position: codeStart, end: to });
}

function codeLength(bodies: readonly Body[]): number {
  const first = bodies[0];
  const last = bodies.at(-1);
  return first === undefined || last === undefined ? 0 : last.to - first.from;
}

function readBodies(
  reader: Reader,
  { types, typeOf, importedCount }: CodeNeeds,
): Body[] {
  const count = reader.integer();
  checkCount(count, { typeOf, importedCount });
  const bodies: Body[] = [];
  for (let at = 0; at < count; at++) {
    const code = reader.part(reader.integer());
    const type = typeAt(types, typeOf[importedCount + at] ?? 0);
    bodies.push(readBody(code, type));
  }
  return bodies;
}

function checkCount(
  count: number,
  { typeOf, importedCount }: Pick<CodeNeeds, "typeOf" | "importedCount">,
): void {
  if (count === typeOf.length - importedCount) return;
  throw malformed("it has not one body for each function");
}

function readBody(reader: Reader, type: FunctionType): Body {
  const from = reader.position;
  const to = reader.end;
  checkLimit("bytes in one function", {
    count: to - from,
    max: limits.functionBodyBytesMax,
  });
  let locals = type.parameters;
  const groups = reader.integer();
  for (let group = 0; group < groups; group++) {
    locals += reader.integer();
    checkLimit("local variables in one function", {
      count: locals,
      max: limits.functionLocalsMax,
    });
    readValueType(reader);
  }
  return { from, to, codeStart: reader.position, locals, type };
}
