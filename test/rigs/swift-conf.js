// @ts-check

/**
 * The filters before the proxy, in their order, and the settings of those that have some.
 *
 * @param {{ region: string, memcachedPort: number }} place
 */
function filters({ region, memcachedPort }) {
  return {
    catch_errors: {},
    gatekeeper: {},
    healthcheck: {},
    // Users and tokens are kept there; without it every request of S3 is answered 500.
    memcache: { memcache_servers: `127.0.0.1:${memcachedPort}` },
    listing_formats: {},
    bulk: {},
    // As many parts as S3 allows; Swift's own default is 1,000.
    s3api: { location: region, auth_pipeline_check: false, max_upload_part_num: 10_000 },
    tempauth: { user_test_tester: "testing .admin", user_other_other: "otherpass .admin" },
    copy: {},
    slo: { max_manifest_segments: 10_000 },
    dlo: {},
    versioned_writes: { allow_versioned_writes: true, allow_object_versioning: true },
    symlink: {},
  };
}

/** @param {{ folder: string, port: number }} place */
function server({ folder, port }) {
  return {
    bind_ip: "127.0.0.1",
    bind_port: port,
    swift_dir: folder,
    workers: 0,
    log_level: "WARNING",
    // There is no system log to write to; what matters goes to the standard output.
    log_address: `${folder}/no-log`,
  };
}

/**
 * The configuration of an account, container or object server.
 *
 * @param {string} kind
 * @param {{ folder: string, port: number, user: string }} place
 */
export function storageConf(kind, place) {
  const devices = {
    devices: `${place.folder}/devices`,
    mount_check: false,
    fallocate_reserve: 0,
    disable_fallocate: true,
  };
  return text({
    DEFAULT: { ...server(place), user: place.user, ...devices },
    "pipeline:main": { pipeline: `${kind}-server` },
    [`app:${kind}-server`]: { use: `egg:swift#${kind}` },
  });
}

/** @param {{ folder: string, port: number, user: string, region: string, memcachedPort: number }} place */
export function proxyConf(place) {
  const all = Object.entries(filters(place));
  const pipeline = [...all.map(([name]) => name), "proxy-server"].join(" ");
  return text({
    DEFAULT: { ...server(place), user: place.user },
    "pipeline:main": { pipeline },
    "app:proxy-server": { use: "egg:swift#proxy", account_autocreate: true, allow_account_management: true },
    ...Object.fromEntries(
      all.map(([name, settings]) => [`filter:${name}`, { use: `egg:swift#${name}`, ...settings }]),
    ),
  });
}

/** What /etc/swift/swift.conf is to an installation. */
export const swiftConf = text({
  "swift-hash": { swift_hash_path_prefix: "svc", swift_hash_path_suffix: "infra" },
  "storage-policy:0": { name: "Policy-0", default: "yes" },
});

/** @param {Record<string, Record<string, string | number | boolean>>} sections */
function text(sections) {
  return Object.entries(sections)
    .map(
      ([name, settings]) =>
        `[${name}]\n${Object.entries(settings)
          .map(([key, value]) => `${key} = ${value}\n`)
          .join("")}`,
    )
    .join("\n");
}
