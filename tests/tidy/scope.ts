// Which global names a file really uses as values.
// In: the syntax tree of a file and the names to watch. Out: a call for each
// identifier that is a value and that no declaration of the file binds.
// It must never bind what is erased before running: `declare`, interfaces and
// type aliases leave the global visible. Scopes follow ECMA-262, section 8.

import type { LintVisitor } from "./location.ts";

/** Any node of the tree; Deno's own union leaves two out. */
export type Node =
  | Deno.lint.Node
  | Deno.lint.AccessorProperty
  | Deno.lint.TSParameterProperty;

type Identifier = Deno.lint.Identifier;
type Func =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

const BLOCKS: ReadonlySet<string> = new Set([
  ...["Program", "BlockStatement", "StaticBlock", "TSModuleBlock"],
  ...["ForStatement", "ForInStatement", "ForOfStatement", "SwitchStatement"],
]);
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"],
]);

/** Visits the unbound value uses of `names`, once the file has been read. */
export function visitGlobals(
  names: ReadonlySet<string>,
  visit: (use: Identifier) => void,
): LintVisitor {
  const bindings = new Bindings();
  const uses: Identifier[] = [];
  return {
    ...bindings.visitor(),
    Identifier(node) {
      if (names.has(node.name) && isValueUse(node)) uses.push(node);
    },
    "Program:exit"() {
      for (const use of uses) if (!bindings.has(use)) visit(use);
    },
  };
}

/** The names that each scope of a file declares. */
class Bindings {
  readonly #names = new Map<Node, Set<string>>();

  /** Tells whether a scope around the identifier declares its name. */
  has(use: Identifier): boolean {
    let at: Node | undefined = use.parent;
    for (; at; at = parentOf(at)) {
      if (this.#names.get(at)?.has(use.name)) return true;
    }
    return false;
  }

  visitor(): LintVisitor {
    const func = (node: Func) => this.#bindFunction(node);
    const local = (node: Deno.lint.ImportDeclaration["specifiers"][number]) =>
      this.#bind(blockOf(node), node.local);
    const named = (
      node: Deno.lint.TSEnumDeclaration | Deno.lint.TSModuleDeclaration,
    ) => {
      if (!node.declare) this.#bind(blockOf(node), node.id);
    };
    return {
      ImportSpecifier: local,
      ImportDefaultSpecifier: local,
      ImportNamespaceSpecifier: local,
      FunctionDeclaration: func,
      FunctionExpression: func,
      ArrowFunctionExpression: func,
      TSEnumDeclaration: named,
      TSModuleDeclaration: named,
      TSImportEqualsDeclaration: (node) => this.#bind(blockOf(node), node.id),
      VariableDeclaration: (node) => this.#bindVariables(node),
      ClassDeclaration: (node) => {
        if (!node.declare) this.#bind(blockOf(node), node.id);
      },
      ClassExpression: (node) => this.#bind(node, node.id),
      CatchClause: (node) => this.#bind(node, node.param),
    };
  }

  #bindFunction(node: Func): void {
    for (const param of node.params) this.#bind(node, param);
    if (node.type === "FunctionExpression") this.#bind(node, node.id);
    if (node.type === "FunctionDeclaration") {
      this.#bind(blockOf(node), node.id);
    }
  }

  #bindVariables(node: Deno.lint.VariableDeclaration): void {
    if (node.declare) return;
    const scope = node.kind === "var" ? functionOf(node) : blockOf(node);
    for (const { id } of node.declarations) this.#bind(scope, id);
  }

  #bind(scope: Node, pattern: Pattern): void {
    const names = this.#names.get(scope) ?? new Set();
    this.#names.set(scope, names);
    for (const name of namesOf(pattern)) names.add(name);
  }
}

type Pattern = Node | null | undefined;

function* namesOf(pattern: Pattern): Generator<string> {
  switch (pattern?.type) {
    case "Identifier":
      yield pattern.name;
      break;
    case "TSParameterProperty":
      yield* namesOf(pattern.parameter);
      break;
    case "AssignmentPattern":
      yield* namesOf(pattern.left);
      break;
    case "RestElement":
      yield* namesOf(pattern.argument);
      break;
    case "ArrayPattern":
      for (const element of pattern.elements) yield* namesOf(element);
      break;
    case "ObjectPattern":
      for (const property of pattern.properties) {
        yield* namesOf(
          property.type === "Property" ? property.value : property,
        );
      }
  }
}

function isValueUse(node: Identifier): boolean {
  const parent = parentOf(node);
  switch (parent?.type) {
    case "Property":
      if (parent.key === node) return parent.computed;
      return parent.parent.type !== "ObjectPattern";
    case "MethodDefinition":
    case "AccessorProperty":
    case "PropertyDefinition":
      return parent.computed || parent.key !== node;
    case "MemberExpression":
      return parent.computed || parent.object === node;
    case "AssignmentPattern":
      return parent.right === node;
    case "VariableDeclarator":
      return parent.init === node;
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return parent.id !== node;
    case "TSEnumMember":
      return parent.initializer === node;
    case "TSQualifiedName":
      return parent.left === node && isAliased(parent);
    case "TSImportEqualsDeclaration":
      return isAliased(node);
    default:
      return !NOT_VALUES.test(parent?.type ?? "");
  }
}

/** Parents of identifiers that only name something, or are in a type. */
const NOT_VALUES = new RegExp(
  "^(?:LabeledStatement|BreakStatement|ContinueStatement|MetaProperty|" +
    "ImportAttribute|ArrayPattern|RestElement|" +
    "Import\\w*Specifier|Export\\w*Specifier|ExportAllDeclaration|" +
    "TS(?!AsExpression|SatisfiesExpression|" +
    "NonNullExpression|TypeAssertion|InstantiationExpression|" +
    "ExportAssignment)\\w+)$",
);

/** `import a = b.c` is a value use of b. */
function isAliased(node: Node): boolean {
  const parent = parentOf(node);
  if (parent?.type === "TSQualifiedName") return isAliased(parent);
  return parent?.type === "TSImportEqualsDeclaration" &&
    parent.moduleReference === node;
}

function blockOf(node: Node): Node {
  let at = parentOf(node);
  while (at && !BLOCKS.has(at.type)) at = parentOf(at);
  return at ?? node;
}

/** The block that hoists `var`: a function's body, a module, or the file. */
function functionOf(node: Node): Node {
  let at = blockOf(node);
  for (let up = parentOf(at); up; up = parentOf(at)) {
    if (FUNCTIONS.has(up.type)) return at;
    if (at.type === "StaticBlock" || at.type === "TSModuleBlock") return at;
    at = blockOf(at);
  }
  return at;
}

/** The node around this one; undefined for the whole file. */
export function parentOf(node: Node): Node | undefined {
  return "parent" in node ? node.parent : undefined;
}
