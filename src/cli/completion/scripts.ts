/** The shells that are helped. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type ShellName = (typeof SHELLS)[number];

/**
 * What each shell reads. They all ask `xenpci __complete`, as kubectl's do, so that a shell never knows other commands
 * than the program has. Its answer is one line `TEXT<tab>DESCRIPTION` for each candidate and, last, what else there may
 * be: `:files`, `:folders` or `:nothing`.
 */
export const SCRIPTS: Readonly<Record<ShellName, string>> = {
  // bash parts words at colons, which addresses have: the line is parted anew, and what is there already cut off.
  bash: `# bash completion of xenpci; made by: xenpci completion bash
_xenpci() {
  local line=\${COMP_LINE:0:COMP_POINT} words=() out=() current each quoted rest
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[-1]}
  COMPREPLY=()
  mapfile -t out < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  [ \${#out[@]} -gt 0 ] || return 0
  rest=\${out[-1]}
  unset 'out[-1]'
  for each in "\${out[@]}"; do
    printf -v quoted %q "\${each%%$'\\t'*}"
    COMPREPLY+=("$quoted")
  done
  case $rest in
    :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    :folders) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
  esac
  if [[ $current == *[:=]* && $COMP_WORDBREAKS == *:* && $COMP_WORDBREAKS == *=* ]]; then
    rest=\${current%"\${current##*[:=]}"}
    COMPREPLY=("\${COMPREPLY[@]#"$rest"}")
  fi
}
complete -F _xenpci xenpci
`,
  zsh: `#compdef xenpci
# zsh completion of xenpci; made by: xenpci completion zsh
_xenpci() {
  local -a out names shown
  local each rest
  out=("\${(@f)$("\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  rest=\${out[-1]}
  case $rest in
    :files) _files; return ;;
    :folders) _files -/; return ;;
    :nothing) out[-1]=() ;;
    *) return 1 ;;
  esac
  for each in "\${out[@]}"; do
    names+=("\${each%%$'\\t'*}")
    shown+=("\${each/$'\\t'/  }")
  done
  compadd -l -d shown -a names
}
if [[ \${funcstack[1]} == _xenpci ]]; then _xenpci; else compdef _xenpci xenpci; fi
`,
  fish: `# fish completion of xenpci; made by: xenpci completion fish
function __xenpci_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l out ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    set -q out[1]; or return
    switch $out[-1]
        case :files
            __fish_complete_path (commandline -ct)
        case :folders
            __fish_complete_directories (commandline -ct)
    end
    for each in $out
        string match -q ':*' -- $each; or echo $each
    end
end
complete -c xenpci -f -a '(__xenpci_complete)'
`,
};
