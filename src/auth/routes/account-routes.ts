import { z } from "zod";
import { HttpError, type Route, route } from "../../http/index.js";
import type { AuthUsers } from "../auth-users.js";
import { cookiePrefix } from "../cookies.js";
import { logUserEvent, noStore, userIdOf } from "./user-request.js";

/** The routes by which users take their data with them, and leave. */
export function accountRoutes({ accounts, config }: AuthUsers): Route[] {
  return [
    route({
      method: "GET",
      path: "/account",
      summary: "Everything that is kept of the user, with a URL for each file",
      permission: "proven user",
      answers: { 200: z.looseObject({ data: z.record(z.string(), z.unknown()) }) },
      handle: async ({ request, reply }) => {
        const id = userIdOf(request);
        const account = await accounts.export(id);
        if (account === undefined) throw noSuchUser();
        logUserEvent(request, "account/export");
        return noStore(reply)
          .header("content-disposition", 'attachment; filename="account.json"')
          .send(account);
      },
    }),
    route({
      method: "DELETE",
      path: "/account",
      summary: "Erase the user, with files and organisations that have no other member",
      permission: "proven user",
      answers: { 204: z.undefined() },
      handle: async ({ request, reply }) => {
        const erasure = await accounts.erase(userIdOf(request));
        if (erasure.outcome === "unknown") throw noSuchUser();
        if (erasure.outcome === "sole_owner") throw soleOwner(erasure.organizations);
        logUserEvent(request, "account/erase");
        return reply.code(204).header("set-cookie", goneCookies(config)).send();
      },
    }),
  ];
}

function goneCookies({ isSecure }: AuthUsers["config"]): string[] {
  const prefix = cookiePrefix(isSecure);
  const attributes = `Max-Age=0; Path=/; HttpOnly; SameSite=Lax${isSecure ? "; Secure" : ""}`;
  return ["session_token", "dont_remember", "device"].map((name) => `${prefix}.${name}=; ${attributes}`);
}

function noSuchUser(): HttpError {
  return new HttpError(404, "not_found", "there is no such user any more");
}

function soleOwner(organizations: readonly { readonly id: string; readonly name: string }[]): HttpError {
  const names = organizations.map(({ id }) => id).join(", ");
  return new HttpError(409, "sole_owner", `make another member owner first, or remove the members: ${names}`);
}
