import { ConfigurationError } from "../kernel/index.js";

/** The price of each plan at the provider, or several: the first is sold, and the others are paid still. */
export type PlanPrices<Plan extends string> = Readonly<Record<Plan, string | readonly string[]>>;

/** Which plan each price stands for. */
export class Plans<Plan extends string> {
  readonly #planOfPrice = new Map<string, Plan>();
  readonly #soldPrices = new Map<Plan, string>();

  /** @throws ConfigurationError when a plan has no price, or two plans have one price. */
  constructor(plans: PlanPrices<Plan>) {
    const pairs = Object.entries<string | readonly string[]>(plans);
    for (const [plan, prices] of pairs) this.#add(plan as Plan, [prices].flat());
  }

  /** The price that a new subscription of a plan has. */
  priceOf(plan: Plan): string {
    const price = this.#soldPrices.get(plan);
    if (price === undefined)
      throw new RangeError(`there is no plan '${plan}'; addPayments was given its plans`);
    return price;
  }

  planOf(price: string | undefined): Plan | undefined {
    return price === undefined ? undefined : this.#planOfPrice.get(price);
  }

  #add(plan: Plan, prices: readonly string[]): void {
    const [sold] = prices;
    if (sold === undefined) throw wrong(plan, "has no price");
    this.#soldPrices.set(plan, sold);
    for (const price of prices) {
      if (this.#planOfPrice.has(price)) throw wrong(plan, `has the price '${price}', which is given twice`);
      this.#planOfPrice.set(price, plan);
    }
  }
}

function wrong(plan: string, message: string): ConfigurationError {
  return new ConfigurationError([{ name: "option 'plans'", message: `the plan '${plan}' ${message}` }]);
}
