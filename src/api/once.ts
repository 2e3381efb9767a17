/**
 * A value that is made when it is first asked for. For schemas of files that often are not there: making one takes up to
 * 3 ms, which every command would spend before it begins.
 */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
