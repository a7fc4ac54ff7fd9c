// The rule tidy/parameters: two positional parameters, then an options object.
// In: a file of src or main.ts. Out: a report for each function with more than
// three parameters, or whose third one surely is no options object.
// It must never refuse a callback written in place as an argument: the callee
// decides what that one takes.

import { sourceRule } from "./location.ts";
import { parentOf } from "./scope.ts";
import { unwrapped } from "./uses.ts";

type Func =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression
  | Deno.lint.TSDeclareFunction
  | Deno.lint.TSEmptyBodyFunctionExpression;
type Parameter = Deno.lint.Parameter;

/** Keeps calls readable without looking up the order of arguments. */
export const parameters = sourceRule((_at, context) => {
  const check = (node: Func) => {
    if (isArgument(node)) return;
    const own = node.params.filter((one) => !isThis(one));
    const hint = "Put all but the first two into an options object";
    const [, , third, fourth] = own;
    if (fourth !== undefined) {
      const message = `${own.length} parameters; the limit is three`;
      context.report({ range: fourth.range, message, hint });
    } else if (third !== undefined && isPositional(third)) {
      const message = "The third parameter must be an options object";
      context.report({ range: third.range, message, hint });
    }
  };
  return {
    FunctionDeclaration: check,
    FunctionExpression: check,
    ArrowFunctionExpression: check,
    TSEmptyBodyFunctionExpression: check,
    TSDeclareFunction(node) {
      if (!node.declare) check(node);
    },
  };
});

function isArgument(node: Func): boolean {
  const type = parentOf(unwrapped(node))?.type;
  return type === "CallExpression" || type === "NewExpression";
}

function isThis(parameter: Parameter): boolean {
  return parameter.type === "Identifier" && parameter.name === "this";
}

/** Types that no options object has; named types get the benefit of doubt. */
const POSITIONAL = new RegExp(
  "^TS(?:(?:String|Number|Boolean|BigInt|Symbol)Keyword|ArrayType|" +
    "TupleType|FunctionType|LiteralType|TemplateLiteralType)$",
);

function isPositional(parameter: Parameter): boolean {
  switch (parameter.type) {
    case "TSParameterProperty":
      return isPositional(parameter.parameter);
    case "AssignmentPattern":
      return parameter.right.type === "Literal" ||
        isPositional(parameter.left);
    case "Identifier":
      return POSITIONAL.test(
        parameter.typeAnnotation?.typeAnnotation.type ?? "",
      );
    default:
      return parameter.type !== "ObjectPattern";
  }
}
