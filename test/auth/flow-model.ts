import { type Chance, chanceOf } from "../chance.js";
import { type AuthService, password } from "./auth-service.js";
import type { Browser } from "./browser.js";

const passwords = [password, "another staple horse", "a third staple horse"];
const people = ["ann", "ben", "cat"] as const;
const scopes = ["reports:read", "reports:write"] as const;
type Person = (typeof people)[number];

/** A browser of a user, which is signed in or not. */
interface Device {
  readonly person: Person;
  browser: Browser;
  isIn: boolean;
  tenant: string | undefined;
  /** Of its session, as the sign-in answered it. */
  token: string;
}

interface Key {
  readonly person: Person;
  readonly tenant: string | undefined;
  readonly scope: string;
  readonly id: string;
  readonly key: string;
  isAlive: boolean;
  /** One that was replaced is listed until it is revoked. */
  isListed: boolean;
}

const fresh = { isAlive: true, isListed: true };

/** The tokens of one sign-in. */
interface Family {
  readonly person: Person;
  readonly tenant: string | undefined;
  isAlive: boolean;
  current: string;
  readonly used: string[];
  readonly access: string[];
}

type Answer = Awaited<ReturnType<Browser["get"]>>;

/** What three users in two tenants may do, beside a service that must do the same. */
export class FlowModel {
  readonly history: string[] = [];
  readonly #service: AuthService;
  readonly #chance: Chance;
  readonly #tenants: readonly string[];
  readonly #passwords = new Map<Person, number>();
  readonly #members = new Map<string, Map<Person, "owner" | "member">>();
  readonly #devices: readonly Device[];
  readonly #keys: Key[] = [];
  readonly #families: Family[] = [];

  private constructor(service: AuthService, chance: Chance, tenants: readonly string[]) {
    this.#service = service;
    this.#chance = chance;
    this.#tenants = tenants;
    this.#devices = people.flatMap((person) =>
      [1, 2].map(() => ({ person, browser: service.browser(), isIn: false, tenant: undefined, token: "" })),
    );
    for (const person of people) this.#passwords.set(person, 0);
    for (const [index, tenant] of tenants.entries()) {
      this.#members.set(tenant, new Map([[people[index] ?? "ann", "owner"]]));
    }
  }

  /** Signs three users up, of whom two own a tenant each. */
  static async settle(service: AuthService): Promise<readonly string[]> {
    const [ann, ben] = await Promise.all(people.map((name) => service.signIn(`${name}@example.com`)));
    const tenants = [];
    for (const [owner, slug] of [[ann, "acme"] as const, [ben, "bolt"] as const]) {
      const answer = await owner?.post("/auth/organization/create", { name: slug, slug });
      tenants.push(answer?.json().id);
    }
    await service.app.sql.withConnection((connection) =>
      connection.run(`create table first_accounts as select id, password from svc_infra_auth_accounts;
        create table first_members as select * from svc_infra_auth_members`),
    );
    return tenants;
  }

  /** The state after {@link settle}, with nobody signed in. */
  static async begin(service: AuthService, seed: number, tenants: readonly string[]): Promise<FlowModel> {
    await service.app.sql.withConnection((connection) =>
      connection.run(`delete from svc_infra_auth_sessions; delete from svc_infra_auth_tokens;
        delete from svc_infra_auth_api_keys; delete from svc_infra_auth_members;
        delete from svc_infra_auth_rate_limits; delete from svc_infra_auth_invitations;
        insert into svc_infra_auth_members select * from first_members;
        update svc_infra_auth_accounts a set password = f.password from first_accounts f where f.id = a.id`),
    );
    return new FlowModel(service, chanceOf(seed), tenants);
  }

  /** One flow by chance; throws when the service does what the model does not allow. */
  async step(): Promise<void> {
    const at = this.#chance(totalWeight);
    let passed = 0;
    for (const [name, [weight, flow]] of Object.entries(flows)) {
      passed += weight;
      if (at >= passed) continue;
      this.history.push(name);
      await flow.call(this);
      return;
    }
  }

  /** Compares all that there is. */
  async audit(): Promise<void> {
    this.history.push("audit");
    for (const device of this.#devices) await this.#checkDevice(device);
    for (const key of this.#keys) await this.#checkKey(key);
    for (const family of this.#families) {
      for (const token of family.access) await this.#checkAccess(family, token);
    }
  }

  async signIn(): Promise<void> {
    const device = this.#one(this.#devices) as Device;
    const isRight = this.#chance(4) > 0;
    const known = this.#passwords.get(device.person) ?? 0;
    const email = `${device.person}@example.com`;
    const answer = await this.#send(device, "POST", "/auth/sign-in/email", {
      email,
      password: passwords[isRight ? known : (known + 1) % passwords.length],
    });
    this.#expect(answer, isRight ? 200 : 401);
    if (!isRight) return;
    Object.assign(device, { isIn: true, tenant: undefined, token: answer.json().token });
  }

  async signOut(): Promise<void> {
    const device = this.#device();
    this.#expect(await this.#send(device, "POST", "/auth/sign-out", {}), 200);
    device.isIn = false;
  }

  me(): Promise<void> {
    return this.#checkDevice(this.#one(this.#devices) as Device);
  }

  async #checkDevice(device: Device): Promise<void> {
    const answer = await this.#send(device, "GET", "/me");
    this.#expectUser(answer, device.isIn, device);
    if (device.isIn) this.#expectRoles(answer, device);
  }

  async setActive(): Promise<void> {
    const device = this.#device();
    const tenant = this.#tenant();
    const organizationId = tenant;
    const answer = await this.#send(device, "POST", "/auth/organization/set-active", { organizationId });
    const isMember = this.#members.get(tenant)?.has(device.person) === true;
    this.#expect(answer, device.isIn ? (isMember ? 200 : 403) : 401);
    if (device.isIn && isMember) device.tenant = tenant;
    // The library takes a refused organisation for left, and the session has none then.
    if (device.isIn && !isMember) device.tenant = undefined;
  }

  async join(): Promise<void> {
    const tenant = this.#tenant();
    const [owner, guest] = [this.#ownerOf(tenant), this.#device()];
    const members = this.#members.get(tenant);
    const email = `${guest.person}@example.com`;
    const body = { email, role: "member", organizationId: tenant };
    const invited = await this.#send(owner, "POST", "/auth/organization/invite-member", body);
    const mayInvite = owner.isIn && members?.get(owner.person) === "owner" && !members.has(guest.person);
    this.#expect(invited, mayInvite ? 200 : owner.isIn ? [400, 403] : 401);
    if (!mayInvite) return;
    const accepting = { invitationId: invited.json().id };
    const accepted = await this.#send(guest, "POST", "/auth/organization/accept-invitation", accepting);
    this.#expect(accepted, guest.isIn ? 200 : 401);
    if (guest.isIn) {
      members?.set(guest.person, "member");
      guest.tenant = tenant;
    } else {
      await this.#send(owner, "POST", "/auth/organization/cancel-invitation", accepting);
    }
  }

  async remove(): Promise<void> {
    const tenant = this.#tenant();
    const owner = this.#ownerOf(tenant);
    const person = people[this.#chance(people.length)] ?? "ann";
    const members = this.#members.get(tenant);
    const body = { memberIdOrEmail: `${person}@example.com`, organizationId: tenant };
    const answer = await this.#send(owner, "POST", "/auth/organization/remove-member", body);
    const isAllowed =
      owner.isIn && members?.get(owner.person) === "owner" && members.get(person) === "member";
    this.#expect(answer, isAllowed ? 200 : owner.isIn ? [400, 401, 403] : 401);
    if (isAllowed) members?.delete(person);
  }

  async changePassword(): Promise<void> {
    const device = this.#device();
    const known = this.#passwords.get(device.person) ?? 0;
    const next = (known + 1) % passwords.length;
    const answer = await this.#send(device, "POST", "/auth/change-password", {
      currentPassword: passwords[known],
      newPassword: passwords[next],
    });
    this.#expect(answer, device.isIn ? 200 : 401);
    if (!device.isIn) return;
    this.#passwords.set(device.person, next);
    this.#endAll(device.person);
    Object.assign(device, { isIn: true, tenant: undefined, token: answer.json().token });
  }

  async revokeSessions(): Promise<void> {
    const device = this.#device();
    const answer = await this.#send(device, "POST", "/auth/revoke-sessions", {});
    this.#expect(answer, device.isIn ? 200 : 401);
    if (device.isIn) this.#endAll(device.person);
  }

  async revokeOthers(): Promise<void> {
    const device = this.#device();
    this.#expect(await this.#send(device, "DELETE", "/auth/sessions"), device.isIn ? 204 : 401);
    if (!device.isIn) return;
    this.#endAll(device.person);
    device.isIn = true;
  }

  async revokeOne(): Promise<void> {
    const [device, target] = [this.#device(), this.#device()];
    const listed = await this.#send(target, "GET", "/auth/sessions");
    this.#expect(listed, target.isIn ? 200 : 401);
    if (!target.isIn) return;
    const { id } = listed.json().find(({ isCurrent }: { isCurrent: boolean }) => isCurrent);
    const answer = await this.#send(device, "DELETE", `/auth/sessions/${id}`);
    const isAllowed = device.isIn && device.person === target.person;
    this.#expect(answer, isAllowed ? 204 : device.isIn ? 404 : 401);
    if (isAllowed) target.isIn = false;
  }

  async createKey(): Promise<void> {
    const device = this.#device();
    const scope = scopes[this.#chance(2)] ?? "reports:read";
    const answer = await this.#send(device, "POST", "/auth/api-keys", { name: "robot", scopes: [scope] });
    this.#expect(answer, device.isIn ? 201 : 401);
    if (!device.isIn) return;
    const { id, key } = answer.json();
    this.#keys.push({ person: device.person, tenant: this.#activeOf(device), scope, id, key, ...fresh });
  }

  async callKey(): Promise<void> {
    const key = this.#one(this.#keys);
    if (key !== undefined) await this.#checkKey(key);
  }

  async #checkKey(key: Key): Promise<void> {
    const answer = await this.#call("/me", { "x-api-key": key.key });
    const works = key.isAlive && (key.tenant === undefined || this.#activeOf(key) !== undefined);
    this.#expectUser(answer, works, key);
    const report = await this.#call("/reports", { "x-api-key": key.key });
    this.#expect(report, works ? (key.scope === "reports:read" ? 200 : 403) : 401);
  }

  async revokeKey(): Promise<void> {
    const [device, key] = [this.#device(), this.#one(this.#keys)];
    if (key === undefined) return;
    const answer = await this.#send(device, "DELETE", `/auth/api-keys/${key.id}`);
    const isAllowed = device.isIn && device.person === key.person && key.isListed;
    this.#expect(answer, isAllowed ? 204 : device.isIn ? 404 : 401);
    if (isAllowed) Object.assign(key, { isAlive: false, isListed: false });
  }

  async rotateKey(): Promise<void> {
    const [device, key] = [this.#device(), this.#one(this.#keys)];
    if (key === undefined) return;
    const answer = await this.#send(device, "POST", `/auth/api-keys/${key.id}/rotate`, { overlapMinutes: 0 });
    const isAllowed = device.isIn && device.person === key.person && key.isAlive;
    this.#expect(answer, isAllowed ? 201 : device.isIn ? 404 : 401);
    if (!isAllowed) return;
    key.isAlive = false;
    const { id, key: secret } = answer.json();
    this.#keys.push({ ...key, id, key: secret, ...fresh });
  }

  async beginTokens(): Promise<void> {
    const device = this.#device();
    if (device.token === "") return;
    const answer = await this.#call("/auth/tokens", {}, { session: device.token });
    this.#expect(answer, device.isIn ? 200 : 401);
    if (!device.isIn) return;
    device.isIn = false;
    const { accessToken, refreshToken } = answer.json();
    const { person, tenant } = device;
    const family = { person, tenant, isAlive: true, current: refreshToken, used: [], access: [accessToken] };
    this.#families.push(family);
  }

  async refresh(): Promise<void> {
    const family = this.#one(this.#families);
    if (family === undefined) return;
    const stolen = this.#chance(4) === 0 ? this.#one(family.used) : undefined;
    const answer = await this.#call("/auth/tokens/refresh", {}, { refreshToken: stolen ?? family.current });
    const works = family.isAlive && stolen === undefined;
    this.#expect(answer, works ? 200 : 401);
    if (!works) {
      family.isAlive = false;
      return;
    }
    const { accessToken, refreshToken } = answer.json();
    family.used.push(family.current);
    family.current = refreshToken;
    family.access.push(accessToken);
  }

  async revokeTokens(): Promise<void> {
    const family = this.#one(this.#families);
    if (family === undefined) return;
    const answer = await this.#call("/auth/tokens/revoke", {}, { refreshToken: family.current });
    this.#expect(answer, 204);
    family.isAlive = false;
  }

  async callAccess(): Promise<void> {
    const family = this.#one(this.#families);
    if (family === undefined) return;
    await this.#checkAccess(family, this.#one(family.access) ?? "");
  }

  async #checkAccess(family: Family, token: string): Promise<void> {
    const answer = await this.#call("/me", { authorization: `Bearer ${token}` });
    this.#expectUser(answer, family.isAlive, family);
    if (family.isAlive) this.#expectRoles(answer, family);
  }

  #endAll(person: Person): void {
    for (const device of this.#devices) if (device.person === person) device.isIn = false;
    for (const family of this.#families) if (family.person === person) family.isAlive = false;
  }

  /** Mostly one that is signed in, as most flows do nothing without. */
  #device(): Device {
    const signedIn = this.#devices.filter(({ isIn }) => isIn);
    const isAny = signedIn.length === 0 || this.#chance(5) === 0;
    return this.#one(isAny ? this.#devices : signedIn) as Device;
  }

  /** Mostly one that may change who belongs to a tenant. */
  #ownerOf(tenant: string): Device {
    const owners = this.#devices.filter(
      ({ isIn, person }) => isIn && this.#members.get(tenant)?.get(person) === "owner",
    );
    return owners.length === 0 || this.#chance(4) === 0 ? this.#device() : (this.#one(owners) as Device);
  }

  #tenant(): string {
    return this.#one(this.#tenants) as string;
  }

  #one<T>(all: readonly T[]): T | undefined {
    return all.length === 0 ? undefined : all[this.#chance(all.length)];
  }

  /** The tenant that counts: the active one, while its user belongs to it. */
  #activeOf({ person, tenant }: Pick<Device, "person" | "tenant">): string | undefined {
    return tenant !== undefined && this.#members.get(tenant)?.has(person) ? tenant : undefined;
  }

  /** Each request comes from an address of its own, as no limit is to be met. */
  async #send(
    device: Device,
    method: "GET" | "POST" | "DELETE",
    url: string,
    body?: object,
  ): Promise<Answer> {
    const browser = this.#service.browser();
    for (const [name, value] of device.browser.cookies) browser.cookies.set(name, value);
    device.browser = browser;
    const headers: Record<string, string> = method === "GET" ? {} : { origin: this.#service.origin };
    this.history.push(`  ${device.person}${this.#devices.indexOf(device) % 2}: ${method} ${url}`);
    return browser.request(method, url, body, headers);
  }

  #call(url: string, headers: Record<string, string>, body?: object): Promise<Answer> {
    const browser = this.#service.browser();
    this.history.push(`  ${url} ${JSON.stringify(headers)}`);
    return body === undefined ? browser.get(url, headers) : browser.post(url, body, headers);
  }

  #expect({ statusCode, body }: Answer, status: number | readonly number[]): void {
    if ([status].flat().includes(statusCode)) return;
    throw new Error(`the model expects ${status}, and not ${statusCode}: ${body}`);
  }

  #expectUser(answer: Answer, works: boolean, of: Pick<Device, "person" | "tenant">): void {
    this.#expect(answer, works ? 200 : 401);
    if (!works) return;
    const { email, tenant, requestTenant } = answer.json();
    const expected = this.#activeOf(of);
    if (email === `${of.person}@example.com` && tenant === expected && requestTenant === expected) return;
    throw new Error(`the model expects ${of.person} in ${expected}, and not ${answer.body}`);
  }

  #expectRoles(answer: Answer, of: Pick<Device, "person" | "tenant">): void {
    const tenant = this.#activeOf(of);
    const role = tenant === undefined ? undefined : this.#members.get(tenant)?.get(of.person);
    const { roles } = answer.json();
    if (roles.join() === (role ?? "")) return;
    throw new Error(`the model expects the role ${role}, and not ${roles}`);
  }
}

/** How often each flow is taken. Those that hash passwords are rare, as they take longest. */
const flows: Readonly<Record<string, readonly [weight: number, flow: (this: FlowModel) => Promise<void>]>> = {
  signIn: [6, FlowModel.prototype.signIn],
  changePassword: [1, FlowModel.prototype.changePassword],
  signOut: [2, FlowModel.prototype.signOut],
  revokeSessions: [1, FlowModel.prototype.revokeSessions],
  revokeOthers: [1, FlowModel.prototype.revokeOthers],
  revokeOne: [3, FlowModel.prototype.revokeOne],
  me: [20, FlowModel.prototype.me],
  setActive: [10, FlowModel.prototype.setActive],
  join: [8, FlowModel.prototype.join],
  remove: [5, FlowModel.prototype.remove],
  createKey: [8, FlowModel.prototype.createKey],
  callKey: [15, FlowModel.prototype.callKey],
  revokeKey: [4, FlowModel.prototype.revokeKey],
  rotateKey: [5, FlowModel.prototype.rotateKey],
  beginTokens: [4, FlowModel.prototype.beginTokens],
  refresh: [10, FlowModel.prototype.refresh],
  revokeTokens: [2, FlowModel.prototype.revokeTokens],
  callAccess: [12, FlowModel.prototype.callAccess],
};

const totalWeight = Object.values(flows).reduce((sum, [weight]) => sum + weight, 0);
