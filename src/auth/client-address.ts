/** The header that tells the library the address of the client; what a client sends in it is replaced. */
export const addressHeader = "x-svc-infra-client-address";
