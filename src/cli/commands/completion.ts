// `pln completion <shell>`: a script for bash, zsh or fish that asks the hidden
// command for proposals, and falls back to files where there are none. Words
// are handed over behind "--", so that no word is taken for a flag.

import { InputError } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";

const bash = `# pln completion for bash: source <(pln completion bash)
_pln() {
  local cur=\${COMP_WORDS[COMP_CWORD]}
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$cur")
  local IFS=$'\\n'
  COMPREPLY=($(pln __complete -- "\${words[@]}" 2>/dev/null))
}
complete -o default -o bashdefault -F _pln pln
`;

const zsh = `#compdef pln
# pln completion for zsh: source <(pln completion zsh)
_pln() {
  local -a found
  found=("\${(@f)$(pln __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=("\${(@)found:#}")
  if (( \${#found} )); then
    compadd -a found
  else
    _files
  fi
}
compdef _pln pln
`;

const fish = `# pln completion for fish: pln completion fish | source
function __pln_complete
  set -l words (commandline -opc) (commandline -ct)
  pln __complete -- $words[2..-1] 2>/dev/null
end
complete -c pln -a '(__pln_complete)'
`;

const scripts: ReadonlyMap<string, string> = new Map([
  ["bash", bash],
  ["zsh", zsh],
  ["fish", fish],
]);

export const run: Run<"completion"> = async (invocation, { args }) => {
  const [shell = ""] = args;
  const script = scripts.get(shell);
  if (script === undefined) {
    const shown = JSON.stringify(shell.slice(0, 40));
    throw new InputError(`There is no completion for ${shown}`, {
      hint: 'Choose a shell: "pln completion bash", zsh or fish',
    });
  }
  await invocation.answer({ version: 1, script }, script);
};
