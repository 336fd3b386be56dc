/**
 * One template and one view of the keys become one text.
 *
 * Owns: the table of functions, running a template again when names had to be asked for. Leaves to others: files, the store.
 */
import { KeyView, keyFunctions } from './functions/keys.ts'
import { LIST_FUNCTIONS } from './functions/lists.ts'
import { Names, type Surroundings, surroundingFunctions } from './functions/surroundings.ts'
import { TEXT_FUNCTIONS } from './functions/text.ts'
import { BUILTINS } from './template/builtins.ts'
import { TemplateFailedError } from './template/errors.ts'
import { renderTemplate } from './template/evaluate.ts'
import type { FunctionTable } from './template/functions.ts'
import type { ParsedTemplate } from './template/nodes.ts'
import { parseTemplate } from './template/parser.ts'
import type { Value } from './template/values.ts'

/** A template that asks for a name that it learned by asking for a name, and so on. */
const ROUNDS_MAX = 10

export interface RenderSettings extends Surroundings {
  /** A key that is not there has an empty value, instead of being an error. */
  readonly missingIsEmpty: boolean
}

/** Parses a template that may call confd's functions. @param file Its name in messages. @throws TemplateSyntaxError */
export function parseConfdTemplate(file: string, source: string): ParsedTemplate {
  return parseTemplate(file, source, (name) => NAMES.has(name))
}

/** Renders it. @throws TemplateFailedError */
export async function renderText(
  template: ParsedTemplate,
  values: ReadonlyMap<string, string>,
  settings: RenderSettings,
): Promise<string> {
  const names = new Names(settings.resolver)
  const functions = functionsOn(new KeyView(values), settings, names)
  for (let round = 1; ; round += 1) {
    try {
      const text = renderTemplate(template, functions, null)
      if (!names.missing || round >= ROUNDS_MAX) return text
    } catch (error) {
      // An empty list in place of an answer that is still to come may be what failed.
      if (!(error instanceof TemplateFailedError) || !names.missing || round >= ROUNDS_MAX) throw error
    }
    await names.ask()
  }
}

/** Renders a text with fields only, as confd does with `{{.src}}` in a check command. @throws Template errors. */
export function renderFields(name: string, source: string, fields: Readonly<Record<string, string>>): string {
  const dot = new Map<string, Value>(Object.entries(fields))
  return renderTemplate(
    parseTemplate(name, source, (word) => BUILTINS.has(word)),
    BUILTINS,
    dot,
  )
}

function functionsOn(view: KeyView, settings: RenderSettings, names: Names): FunctionTable {
  return new Map([
    ...BUILTINS,
    ...TEXT_FUNCTIONS,
    ...LIST_FUNCTIONS,
    ...surroundingFunctions(settings, names),
    ...keyFunctions(view, settings.missingIsEmpty),
  ])
}

const NOBODY = { addresses: () => Promise.resolve([]), services: () => Promise.resolve([]) }
/** Names of all functions; what they do depends on the view. */
const NAMES: ReadonlySet<string> = new Set(
  functionsOn(
    new KeyView(new Map()),
    { env: {}, nowMs: () => 0, resolver: NOBODY, missingIsEmpty: false, utc: true },
    new Names(NOBODY),
  ).keys(),
)
