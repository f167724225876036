import type { BetterAuthOptions, DBAdapter, DBTransactionAdapter } from "better-auth";

type OpenAdapter = (options: BetterAuthOptions) => DBAdapter;

/**
 * The database keeps a hash in place of the token of a session. A call that creates a session, or finds it by its token,
 * gets the token with the row, as the library goes on with it; a row that was found in another way has only the hash.
 */
export function hashedSessions(open: OpenAdapter): OpenAdapter {
  return (options) => {
    const adapter = open(options);
    const transaction: DBAdapter["transaction"] = (callback) =>
      adapter.transaction((inner) => callback({ ...inner, ...tellingTokens(inner) }));
    return { ...adapter, ...tellingTokens(adapter), transaction };
  };
}

function tellingTokens(adapter: DBTransactionAdapter) {
  const create: DBAdapter["create"] = async (call) =>
    withToken(await adapter.create(call), call.model, Object(call.data).token);
  const findOne: DBAdapter["findOne"] = async (call) =>
    withToken(await adapter.findOne(call), call.model, tokenOf(call));
  const update: DBAdapter["update"] = async (call) =>
    withToken(await adapter.update(call), call.model, tokenOf(call));
  return { create, findOne, update };
}

function tokenOf({ where }: Pick<Parameters<DBAdapter["findOne"]>[0], "where">): unknown {
  return where.find(({ field }) => field === "token")?.value;
}

function withToken<Row>(row: Row, model: string, token: unknown): Row {
  return model === "session" && typeof token === "string" && row ? { ...row, token } : row;
}
