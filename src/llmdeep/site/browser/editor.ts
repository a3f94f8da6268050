/**
 * The code editor: CodeMirror 6 with Python, in a shadow root, where its style sheets are adopted
 * rather than written into the page, as the page's policy wants. A chunk of its own.
 */

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, StateEffect, StateField, type Extension } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, keymap, lineNumbers, type DecorationSet } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export interface EditorOptions {
  code: string;
  label: string; // for screen readers
  onRun: () => void; // Ctrl or Cmd with Enter
  onChange?: (code: string) => void; // the reader typed
}

export interface Editor {
  code(): string;
  /** Shows other code, with a history of its own; lines are numbered from `firstLine`, if given. */
  show(code: string, label?: string, firstLine?: number): void;
  /** Marks a line, counted from 1, as the one where an error happened; 0 for none. */
  mark(line: number): void;
  focus(): void;
  dispose(): void;
}

/** Puts an editor into `place`. Tab moves on to the next control; Ctrl+] and Ctrl+[ indent. */
export function createEditor(place: HTMLElement, options: EditorOptions): Editor {
  const root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
  root.replaceChildren();
  const naming = new Compartment();
  let silent = false;

  const extensions: Extension = [
    keymap.of([{ key: "Mod-Enter", run: () => (options.onRun(), true) }]),
    naming.of([]),
    drawSelection(),
    history(),
    indentOnInput(),
    indentUnit.of("    "),
    bracketMatching(),
    python(),
    errorLine,
    syntaxHighlighting(colours),
    theme,
    keymap.of([...defaultKeymap, ...historyKeymap]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged && !silent) options.onChange?.(update.state.doc.toString());
    }),
  ];
  const view = new EditorView({ root, parent: root, state: EditorState.create({ doc: options.code, extensions }) });
  name(options.label);

  function name(label: string, firstLine?: number): void {
    const numbers = firstLine === undefined ? [] : lineNumbers({ formatNumber: (n) => String(n + firstLine - 1) });
    view.dispatch({ effects: naming.reconfigure([numbers, EditorView.contentAttributes.of({ "aria-label": label })]) });
  }

  function show(code: string, label = options.label, firstLine?: number): void {
    silent = true;
    view.setState(EditorState.create({ doc: code, extensions }));
    silent = false;
    name(label, firstLine);
  }

  function mark(line: number): void {
    view.dispatch({ effects: setErrorLine.of(line > 0 && line <= view.state.doc.lines ? view.state.doc.line(line).from : -1) });
  }

  return {
    code: () => view.state.doc.toString(),
    show,
    mark,
    focus: () => view.focus(),
    dispose: () => view.destroy(),
  };
}

const setErrorLine = StateEffect.define<number>();

/** The marked line; an edit anywhere takes the mark away. */
const errorLine = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(setErrorLine)) continue;
      return effect.value < 0 ? Decoration.none : Decoration.set(Decoration.line({ class: "cm-error-line" }).range(effect.value));
    }
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const theme = EditorView.theme({
  "&": { color: "var(--md-code-fg-color)", backgroundColor: "var(--md-code-bg-color)", fontSize: "var(--code-size, 0.85em)" },
  "&.cm-focused": { outline: "2px solid var(--md-accent-fg-color)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--md-code-font)", lineHeight: "1.55", maxHeight: "32em", overflow: "auto" },
  ".cm-content": { caretColor: "var(--md-accent-fg-color)", padding: "var(--code-padding, 0.6em) 0" },
  ".cm-cursor": { borderLeftColor: "var(--md-accent-fg-color)" },
  ".cm-line": { padding: "0 var(--code-inset, 0.7em)" },
  ".cm-gutters": { color: "var(--md-default-fg-color--lighter)", backgroundColor: "transparent", border: "none" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--md-accent-fg-color) 22%, transparent)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--md-accent-fg-color) 18%, transparent)" },
  ".cm-error-line": {
    backgroundColor: "color-mix(in srgb, var(--warning-color, #d55e00) 16%, transparent)",
    boxShadow: "inset 3px 0 var(--warning-color, #d55e00)",
  },
});

// The colours of the static code blocks, so that opening the editor changes nothing.
const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--md-code-hl-comment-color)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword, tags.moduleKeyword], color: "var(--md-code-hl-keyword-color)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--md-code-hl-string-color)" },
  { tag: tags.number, color: "var(--md-code-hl-number-color)" },
  { tag: [tags.bool, tags.null, tags.self], color: "var(--md-code-hl-constant-color)" },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)], color: "var(--md-code-hl-function-color)" },
  { tag: [tags.operator, tags.punctuation], color: "var(--md-code-hl-operator-color)" },
]);
