// Words as people see them: bash splits "--flag=value" and "hello@1a2b" for
// completion, and puts what is proposed behind the "=" or the "@". Words of any
// shell come in; whole words go out, and what of the last one bash has already.

export type WholeWords = {
  readonly words: readonly string[];
  /** How a proposal begins that bash does not want again; mostly empty. */
  readonly before: string;
};

export function wholeWords(typed: readonly string[]): WholeWords {
  return withOwners(withoutEquals(typed));
}

/** bash hands the "=" of "--flag=value" over as a word of its own. */
function withoutEquals(words: readonly string[]): readonly string[] {
  return words.flatMap((word, at) => {
    if (word !== "=" || words[at - 1]?.startsWith("--") !== true) return [word];
    return at === words.length - 1 ? [""] : [];
  });
}

function withOwners(typed: readonly string[]): WholeWords {
  const words: string[] = [];
  let before = "";
  for (const [at, word] of typed.entries()) {
    const isOwner = word === "@" || typed[at - 1] === "@";
    const last = isOwner ? words.pop() ?? "" : "";
    if (word === "@") before = `${last}@`;
    else if (!isOwner) before = "";
    words.push(last + word);
  }
  return { words, before };
}
