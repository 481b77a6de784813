/* ---- count_tracks: the number of tracks of each event */

static int stage_count_tracks(const ${name}_generated *in, uint64_t seed, ${name}_simulated *out) {
  (void)in, (void)seed;
  for (size_t e = 0; e < out->events.n; e++) out->events.nTracks[e] = 0;
  for (size_t t = 0; t < out->tracks.n; t++)
    out->events.nTracks[out->particles.event_row[out->tracks.particle_row[t]]]++;
  return 0;
}
