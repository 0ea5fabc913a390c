// [HOT] Tells objects that are only their own enumerable fields from those that hold something else inside (Map, Promise,
// typed arrays, objects of the host).

const known = new WeakMap<object, boolean>();
const { toString: functionText } = Function.prototype as { readonly toString: (this: unknown) => string };

/**
 * True for object literals, objects without a prototype and instances of classes written in JavaScript that extend
 * nothing built in. Arrays are not asked about here. What was given a foreign prototype afterwards is not found out.
 */
export function isOrdinary(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  const answer = known.get(prototype);
  if (answer !== undefined) return answer;
  const isOwn = isOrdinaryPrototype(prototype);
  known.set(prototype, isOwn);
  return isOwn;
}

/**
 * True for an array without holes that has no fields besides its elements. (A hole and a field may make up for each other:
 * whoever reads the elements sees the hole.) Nothing else in JavaScript tells: 60 ns and 9 ns more an element.
 */
export function hasOnlyElements(value: readonly unknown[]): boolean {
  return Object.keys(value).length === value.length;
}

function isOrdinaryPrototype(prototype: object): boolean {
  let link: object | null = prototype;
  while (link !== null && link !== Object.prototype) {
    const maker: unknown = Object.getOwnPropertyDescriptor(link, 'constructor')?.value;
    if (Object.hasOwn(link, 'constructor') && !isWrittenInJavaScript(maker)) return false;
    link = Object.getPrototypeOf(link);
  }
  return true;
}

function isWrittenInJavaScript(maker: unknown): boolean {
  return typeof maker === 'function' && !functionText.call(maker).endsWith('{ [native code] }');
}
