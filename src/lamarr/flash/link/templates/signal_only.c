
/* ---- occupancy.signal_only: which events are nothing but their signal */

static int stage_occupancy_signal_only(const ${name}_generated *in, uint64_t seed, ${name}_simulated *out) {
  (void)seed;
  for (size_t e = 0; e < out->events.n; e++) out->events.is_signal_only[e] = true;
  for (size_t i = 0; i < in->particles.n; i++)
    if (!in->particles.from_signal[i]) out->events.is_signal_only[out->particles.event_row[i]] = false;
  return 0;
}
