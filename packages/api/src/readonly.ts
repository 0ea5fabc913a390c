// What the types say about ownership: records and state values belong to the engine, functions only read them.

/** Values that are handed out as they are: they cannot be changed, or a read-only form would only be in the way. */
type Atomic =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | null
  | undefined
  | Date
  | RegExp
  | URL
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | Promise<unknown>
  | ((...args: never[]) => unknown);

/** True for `any`, which must not spread through a conditional type. */
type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * `T` with every field, array, Map and Set read-only, all the way down. Primitives, dates, functions and typed arrays stay
 * what they are.
 */
export type DeepReadonly<T> =
  IsAny<T> extends true
    ? T
    : T extends Atomic
      ? T
      : T extends ReadonlyMap<infer K, infer V>
        ? ReadonlyMap<DeepReadonly<K>, DeepReadonly<V>>
        : T extends ReadonlySet<infer V>
          ? ReadonlySet<DeepReadonly<V>>
          : T extends object
            ? { readonly [Field in keyof T]: DeepReadonly<T[Field]> }
            : T;

/**
 * `T` without `readonly`, all the way down: whoever takes this takes `DeepReadonly<T>` at run time too, so that a sink for
 * `Flight` fits a stream of read-only ones.
 */
export type DeepMutable<T> =
  IsAny<T> extends true
    ? T
    : T extends Atomic
      ? T
      : T extends ReadonlyMap<infer K, infer V>
        ? Map<DeepMutable<K>, DeepMutable<V>>
        : T extends ReadonlySet<infer V>
          ? Set<DeepMutable<V>>
          : T extends object
            ? { -readonly [Field in keyof T]: DeepMutable<T[Field]> }
            : T;

/** `T` unless it is a promise, then `never`: what a record function may return. */
export type Sync<T> = T extends PromiseLike<unknown> ? never : T;

/** An object type written out, so that editors show its fields. */
export type Flat<T> = { [Field in keyof T]: T[Field] };
