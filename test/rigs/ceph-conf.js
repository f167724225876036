// @ts-check

/**
 * ceph.conf of a cluster of one, on the loopback interface.
 *
 * @param {{ folder: string, port: number, monitorPort: number, maxBytes: number }} place
 * @returns {(fsid: string) => string}
 */
export function cephConf(place) {
  const sections = { mon: monitor(place), osd: objects(place), client: gateway(place) };
  return (fsid) =>
    Object.entries({ global: cluster(place, fsid), ...sections })
      .map(([name, settings]) => `[${name}]\n${lines(settings)}`)
      .join("\n");
}

/** @param {Record<string, string | number | boolean>} settings */
function lines(settings) {
  return Object.entries(settings)
    .map(([name, value]) => `${name.replaceAll("_", " ")} = ${value}\n`)
    .join("");
}

/**
 * Clients find the monitor by a map in a file: found by address, they would begin without the cluster's id, and be refused.
 *
 * @param {{ folder: string, monitorPort: number }} place
 * @param {string} fsid
 */
function cluster({ folder }, fsid) {
  return {
    fsid,
    monmap: `${folder}/monmap`,
    mon_initial_members: "a",
    auth_cluster_required: "none",
    auth_service_required: "none",
    auth_client_required: "none",
    public_addr: "127.0.0.1",
    cluster_addr: "127.0.0.1",
    ms_bind_ipv6: false,
    ms_bind_msgr2: false,
    run_dir: `${folder}/run`,
    crash_dir: `${folder}/crash`,
    admin_socket: `${folder}/run/$type.$id.asok`,
    pid_file: `${folder}/run/$type.pid`,
    log_file: "/dev/stderr",
    osd_pool_default_size: 1,
    osd_pool_default_min_size: 1,
    osd_pool_default_pg_num: 1,
    osd_pool_default_pgp_num: 1,
    osd_pool_default_pg_autoscale_mode: "off",
    osd_crush_chooseleaf_type: 0,
    mon_allow_pool_size_one: true,
    mon_max_pg_per_osd: 2000,
    // The monitor's usual second of waiting would be most of the start.
    paxos_propose_interval: 0.02,
    paxos_min_wait: 0.01,
  };
}

/** @param {{ folder: string }} place */
function monitor({ folder }) {
  // A disk that is nearly full does not matter to tests.
  return {
    mon_data: `${folder}/mon`,
    mon_data_avail_crit: 0,
    mon_data_avail_warn: 0,
    mon_cluster_log_to_file: false,
  };
}

/** @param {{ folder: string, maxBytes: number }} place */
function objects({ folder, maxBytes }) {
  return {
    osd_data: `${folder}/osd`,
    osd_journal: `${folder}/osd/journal`,
    osd_objectstore: "memstore",
    memstore_device_bytes: maxBytes,
    osd_crush_location: "root=default host=localhost",
  };
}

/** @param {{ folder: string, port: number }} place */
function gateway({ folder, port }) {
  return {
    rgw_data: `${folder}/rgw`,
    // Without tcp_nodelay every small answer waits 40 ms.
    rgw_frontends: `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`,
    rgw_dns_name: "s3.localhost",
    rgw_crypt_require_ssl: false,
    rgw_thread_pool_size: 64,
    rgw_rados_pool_pg_num_min: 1,
    rgw_enable_usage_log: false,
    rgw_run_sync_thread: false,
    // What is deleted gives its memory back soon.
    rgw_gc_obj_min_wait: 2,
    rgw_gc_processor_period: 2,
    rgw_gc_processor_max_time: 2,
  };
}
