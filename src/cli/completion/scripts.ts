/** What a shell runs to complete commands of xpr: it asks xpr itself, and falls back to names of files. */
export const completionScripts: Readonly<Record<string, string>> = {
  // Readline takes `=` and `:` for ends of words: they are put together again, and what stands before them is left out
  // of the answer.
  bash: `_xpr() {
  local words=() word last=-1 i found before
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((last >= 0)) && [[ $word == [=:]* || \${words[last]} == *[=:] ]]; then
      words[last]+=$word
    else
      words[++last]=$word
    fi
  done
  before=\${words[last]}
  case $before in
    *[=:]*) before=\${before%"\${before##*[=:]}"} ;;
    *) before= ;;
  esac
  COMPREPLY=()
  while IFS= read -r found; do
    COMPREPLY+=("\${found#"$before"}")
  done < <(xpr completion words -- "\${words[@]}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _xpr xpr
`,
  zsh: `#compdef xpr
_xpr() {
  local -a found
  found=("\${(@f)$(xpr completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=(\${found:#})
  if (( ! $#found )); then
    _files
  elif [[ $#found -eq 1 && $found[1] == *= ]]; then
    compadd -S '' -- $found
  else
    compadd -- $found
  fi
}
compdef _xpr xpr
`,
  fish: `function __xpr_words
    set -l words (commandline -opc) (commandline -ct)
    xpr completion words -- $words[2..-1] 2>/dev/null
end
complete -c xpr -a '(__xpr_words)'
`,
};
