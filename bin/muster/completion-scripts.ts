/**
 * Completion scripts for bash, zsh and fish.
 *
 * Owns: the three languages. Leaves to others: which words there are (completion).
 */
import type { CompletedCommand, CompletedOption } from './completion.ts'

/** A script by shell. `name` is what the tool is called there. */
export const SCRIPTS = { bash, zsh, fish } as const

function bash(commands: readonly CompletedCommand[], name: string): string {
  const own = `_${name.replace(/\W/g, '_')}_complete`
  const cases = commands.map(({ path, commands: below, options }) => {
    const words = [...below.map((command) => command.name), ...longNames(options)].join(' ')
    return `    ${quoted(path)}) words=${quoted(words)} ;;`
  })
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path))
  const valued = valuedNames(commands)
  return `# Completes ${name} in bash. Made by: muster completion bash
${own}() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' word at skip=''
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [[ -n $skip ]]; then skip=''; continue; fi
    [[ $word == -- ]] && return
    case $word in
    ${valued.join('|')}) skip=1 ;;
    -*) ;;
    *)
      case "\${path:+$path }$word" in
      ${paths.join('|')}) path="\${path:+$path }$word" ;;
      esac
      ;;
    esac
  done
  case $before in
    -o|--output)
      case $path in
${formatCases(commands).join('\n')}
      esac
      ;;&
    ${filePatterns(commands).join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${valued.join('|')}) return ;;
  esac
  case $path in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F ${own} ${name}
`
}

function zsh(commands: readonly CompletedCommand[], name: string): string {
  const own = `_${name.replace(/\W/g, '_')}`
  const cases = commands.map(({ path, commands: below, options }) => {
    const words = below.map((command) => quoted(`${command.name}:${command.description}`)).join(' ')
    const specs = options.flatMap((option) => option.names.map((flag) => quoted(zshSpec(flag, option))))
    return `    ${quoted(path)})
      commands=(${words})
      options=(${specs.join(' ')})
      ;;`
  })
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path))
  return `#compdef ${name}
# Completes ${name} in zsh. Made by: muster completion zsh
${own}() {
  local -a commands options
  local path_='' word skip=''
  for word in \${words[2,CURRENT-1]}; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case $word in
    ${valuedNames(commands).join('|')}) skip=1; continue ;;
    esac
    case "\${path_:+$path_ }$word" in
    ${paths.join('|')}) path_="\${path_:+$path_ }$word" ;;
    esac
  done
  case $path_ in
${cases.join('\n')}
  esac
  if (( \${#commands} )) && [[ -z $skip && \${words[CURRENT]} != -* ]]; then
    _describe -t commands command commands
  else
    _arguments -S $options '*:argument:_files'
  fi
}
if [[ $funcstack[1] == ${own} ]]; then ${own} "$@"; else compdef ${own} ${name}; fi
`
}

function zshSpec(flag: string, { description, value, formats }: CompletedOption): string {
  const text = description.replace(/[[\]:]/g, (char) => `\\${char}`)
  const argument = { none: '', any: ':value: ', file: ':file:_files', format: `:format:(${formats})` }[value]
  return `${flag}[${text}]${argument}`
}

function fish(commands: readonly CompletedCommand[], name: string): string {
  const lines = commands.flatMap(({ path, commands: below, options }) => {
    const when = path === '' ? '__fish_use_subcommand' : path.split(' ').map(seen).join('; and ')
    const inGroup =
      path === '' ? when : `${when}; and not __fish_seen_subcommand_from ${below.map((one) => one.name).join(' ')}`
    return [
      ...below.map(
        (command) =>
          `complete -c ${name} -f -n ${quoted(inGroup)} -a ${command.name} -d ${quoted(command.description)}`,
      ),
      ...options.map((option) => `complete -c ${name} -n ${quoted(when)} ${fishOption(option)}`),
    ]
  })
  return `# Completes ${name} in fish. Made by: muster completion fish\n${lines.join('\n')}\n`
}

function seen(word: string): string {
  return `__fish_seen_subcommand_from ${word}`
}

function fishOption({ names, description, value, formats }: CompletedOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ')
  const argument = { none: '', any: ' -x', file: ' -r -F', format: ` -x -a ${quoted(formats)}` }[value]
  return `${flags}${argument} -d ${quoted(description)}`
}

/** For bash: which formats the commands take. */
function formatCases(commands: readonly CompletedCommand[]): readonly string[] {
  return commands.flatMap(({ path, options }) => {
    const formats = options.find(({ value }) => value === 'format')?.formats
    if (formats === undefined) return []
    return [`      ${quoted(path)}) COMPREPLY=($(compgen -W ${quoted(formats)} -- "$current")); return ;;`]
  })
}

/** Every name of an option that is followed by a value. */
function valuedNames(commands: readonly CompletedCommand[]): readonly string[] {
  const valued = commands.flatMap(({ options }) => options.filter(({ value }) => value !== 'none'))
  return [...new Set(valued.flatMap(({ names }) => names))]
}

function longNames(options: readonly CompletedOption[]): readonly string[] {
  return options.map(({ names }) => names.at(-1) as string)
}

/** Options that are a file wherever they stand, but `--output`, which is one in `export` only. */
function filePatterns(commands: readonly CompletedCommand[]): readonly string[] {
  const files = commands.flatMap(({ options }) => options.filter(({ value }) => value === 'file'))
  return [...new Set(files.flatMap(({ names }) => names))]
}

/** For all three shells: nothing in it has a meaning. Fish knows backslashes between quotes, so none is left. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’').replaceAll('\\', '/')}'`
}
