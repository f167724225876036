import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** Counts bodies that hold a file or a connection: how many were opened, and how many of them are open. */
export function watchBodies() {
  const counts = { opened: 0, open: 0 };
  const watch = (news: unknown) => {
    const { isOpen }: { isOpen?: boolean } = news as object;
    counts.opened += isOpen ? 1 : 0;
    counts.open += isOpen ? 1 : -1;
  };
  subscribe("svc-infra:storage:body", watch);
  return { counts, stop: () => unsubscribe("svc-infra:storage:body", watch) };
}
