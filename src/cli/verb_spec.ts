// What a verb says about itself: the types of the table in verbs.ts, of which
// the application, the help and the completion are made. Types only: a value
// here would be loaded by every command.

/** A flag: on or off, one text, or a text that may be repeated. */
export type FlagSpec = {
  readonly type: "switch" | "text" | "texts";
  readonly brief: string;
  /** What stands for the value in help. */
  readonly value?: string;
  readonly alias?: string;
  /** The only values, for completion and "did you mean". */
  readonly choices?: readonly string[];
  /** What completion proposes where any value is taken. */
  readonly completes?: "peers";
};

export type ArgumentSpec = {
  readonly name: string;
  readonly brief: string;
  readonly isOptional?: boolean;
  /** What completion proposes; nothing means files. */
  readonly completes?:
    | "seeds"
    | "own seeds"
    | "scenarios"
    | "functions"
    | "peers"
    | "targets"
    | "verbs"
    | readonly string[];
};

export type VerbSpec = {
  readonly brief: string;
  /** Lines below the brief in help. */
  readonly more?: string;
  readonly example: string;
  readonly flags: Readonly<Record<string, FlagSpec>>;
  readonly args: readonly ArgumentSpec[];
  /** Takes any number of arguments, the only spec being what each is. */
  readonly isVariadic?: boolean;
  readonly isHidden?: boolean;
};
