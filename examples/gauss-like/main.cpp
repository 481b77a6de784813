// Reads HepMC files (2 or 3), simulates LHCb's response with the library that `lamarr compile` made, writes text.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <HepMC3/GenEvent.h>
#include <HepMC3/Reader.h>
#include <HepMC3/ReaderAscii.h>
#include <HepMC3/ReaderAsciiHepMC2.h>

#include "event.h"

namespace {

struct Options {
  std::vector<std::string> files;
  uint64_t seed = 0;
  bool grouped = false;
};

constexpr const char *usage =
    "usage: gauss-like [--seed N] [--grouped] FILE...\n"
    "  --seed N    key of the random numbers\n"
    "  --grouped   all collisions of a file are one event, as LHCb's generator writes them\n";

Options parse(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; i++) {
    if (!std::strcmp(argv[i], "--grouped")) options.grouped = true;
    else if (!std::strcmp(argv[i], "--seed") && i + 1 < argc) options.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (argv[i][0] == '-') std::fputs(usage, stderr), std::exit(2);
    else options.files.emplace_back(argv[i]);
  }
  if (options.files.empty()) std::fputs(usage, stderr), std::exit(2);
  return options;
}

// A reader for the version that the first lines name; none if they name none
std::unique_ptr<HepMC3::Reader> open(const std::string &file) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (line.find("IO_GenEvent-START_EVENT_LISTING") != std::string::npos)
      return std::make_unique<HepMC3::ReaderAsciiHepMC2>(file);
    if (line.find("Asciiv3-START_EVENT_LISTING") != std::string::npos)
      return std::make_unique<HepMC3::ReaderAscii>(file);
    if (!line.empty() && line.rfind("HepMC::", 0) != 0) break;
  }
  return nullptr;
}

// One line for each primary vertex, track and event; 17 digits give back every bit
void write(const Generated &generated, const lhcb2016_simulated &out) {
  const auto &v = out.primary_vertices;
  for (std::size_t i = 0; i < v.n; i++)
    std::printf("vertex %lld %d %.17g %.17g %.17g\n", static_cast<long long>(v.event_id[i]), v.vertex_id[i], v.x[i],
                v.y[i], v.z[i]);
  const auto &t = out.tracks;
  for (std::size_t i = 0; i < t.n; i++) {
    std::printf("track %lld %d %d %d %d %d", static_cast<long long>(t.event_id[i]), t.track_id[i], t.particle_id[i],
                generated.pid(static_cast<std::size_t>(t.particle_row[i])), t.type[i], t.charge[i]);
    for (double value : {t.x[i], t.y[i], t.z[i], t.tx[i], t.ty[i], t.p[i]}) std::printf(" %.17g", value);
    std::printf(" %.9g %d %.9g", t.chi2PerDoF[i], t.nDoF[i], t.ghostProb[i]);
    for (const double *column : {t.cov00, t.cov01, t.cov11, t.cov02, t.cov12, t.cov22, t.cov03, t.cov13, t.cov23,
                                 t.cov33, t.cov04, t.cov14, t.cov24, t.cov34, t.cov44})
      std::printf(" %.17g", column[i]);
    std::printf("\n");
  }
  for (std::size_t i = 0; i < out.events.n; i++)
    std::printf("event %lld %d\n", static_cast<long long>(out.events.event_id[i]), out.events.nTracks[i]);
}

// Simulate what has been gathered, and forget it; the memory is used again
bool simulate(Generated &generated, uint64_t seed, std::vector<char> &memory) {
  const lhcb2016_generated in = generated.columns();
  memory.resize(lhcb2016_size(&in));
  lhcb2016_simulated out;
  lhcb2016_prepare(&in, memory.data(), &out);
  if (const int status = lhcb2016_simulate(&in, seed, &out)) {
    std::fprintf(stderr, "gauss-like: stage '%s', particle %d of event %lld: %s\n", out.failed_stage,
                 in.particles.particle_id[out.failed_row],
                 static_cast<long long>(in.particles.event_id[out.failed_row]), lhcb2016_message(status));
    return false;
  }
  write(generated, out);
  generated.clear_columns();
  return true;
}

}  // namespace

int main(int argc, char **argv) {
  const Options options = parse(argc, argv);
  Generated generated;
  std::vector<char> memory;
  for (const std::string &file : options.files) {
    const auto reader = open(file);
    if (!reader) return std::fprintf(stderr, "gauss-like: '%s' cannot be read as HepMC\n", file.c_str()), 1;
    for (bool first = true;; first = false) {
      HepMC3::GenEvent collision;
      if (!reader->read_event(collision) || reader->failed()) break;
      if (!options.grouped || first) generated.begin_event();
      generated.add_collision(collision);
      if (!options.grouped && !simulate(generated, options.seed, memory)) return 1;
    }
    if (options.grouped && !simulate(generated, options.seed, memory)) return 1;
  }
  return 0;
}
