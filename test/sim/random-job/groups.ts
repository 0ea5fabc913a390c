// Records of a name together, in their order.
export function groupsOf<T>(
  records: readonly T[],
  nameOf: (record: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const record of records) {
    const name = nameOf(record);
    const group = groups.get(name) ?? [];
    groups.set(name, group);
    group.push(record);
  }
  return groups;
}
