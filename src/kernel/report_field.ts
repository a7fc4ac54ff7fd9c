// Error reports as a field of messages: what a peer says went wrong. A report
// goes out cut to its limit and comes in bounded and printable, since a person
// reads it on a terminal. Kinds and outcomes of a newer version are read as the
// plainest ones; never as a success.

import type { ErrorCode, ErrorKind, ErrorReport, Outcome } from "./errors.ts";
import { limits } from "./limits.ts";
import { type Field, optionalField, rowField } from "./message.ts";

const codeForm = /^PLN_[A-Z0-9_]{1,60}$/;
const kinds: readonly ErrorKind[] = ["input", "peer", "local"];
const outcomes: readonly Outcome[] = [
  ...["error", "usage", "not-found", "permission"] as const,
  ...["ambiguous", "unreachable"] as const,
];

const codeField: Field<ErrorCode> = {
  encode: (value) => value,
  decode: (value) =>
    typeof value === "string" && codeForm.test(value)
      ? value as ErrorCode
      : undefined,
};

const sentenceField: Field<string> = {
  encode: (value) =>
    value.toWellFormed().slice(0, limits.reportCharactersMax).toWellFormed(),
  decode: (value) =>
    typeof value === "string" && value.length <= limits.reportCharactersMax
      ? value.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, " ")
      : undefined,
};

function wordField<Word extends string>(
  words: readonly Word[],
  plainest: Word,
): Field<Word> {
  return {
    encode: (value) => value,
    decode: (value) =>
      typeof value === "string"
        ? words.find((word) => word === value) ?? plainest
        : undefined,
  };
}

const rowOfReport = rowField({
  code: codeField,
  kind: wordField(kinds, "peer"),
  outcome: wordField(outcomes, "error"),
  message: sentenceField,
  hint: optionalField(sentenceField),
});

/** What a peer reports; texts are cut, and come in without control characters. */
export const errorReportField: Field<ErrorReport> = {
  encode: (report) => rowOfReport.encode({ ...report, hint: report.hint }),
  decode: (value) => {
    const row = rowOfReport.decode(value);
    if (row === undefined) return undefined;
    const { hint, ...report } = row;
    return hint === undefined ? report : { ...report, hint };
  },
};
