// Generated events as columns, the form in which the library takes them.
#pragma once

#include <cstdint>
#include <vector>

#include <HepMC3/GenEvent.h>

#include "lhcb2016.h"

class Generated {
 public:
  // Begin the next event; collisions that follow belong to it
  void begin_event() { event_ = n_events_++, particle_ = vertex_ = collision_ = 0; }

  // Append the particles and vertices of a pp collision
  void add_collision(HepMC3::GenEvent &collision);

  // What the library takes: pointers into the columns, valid until the next change
  lhcb2016_generated columns() const;

  void clear_columns();
  int32_t pid(std::size_t row) const { return pid_[row]; }

 private:
  int64_t event_ = 0, n_events_ = 0;
  int32_t particle_ = 0, vertex_ = 0, collision_ = 0;  // next numbers in the event
  std::vector<int64_t> event_id_, vertex_event_id_;
  std::vector<int32_t> particle_id_, end_vertex_, pid_, status_, vertex_id_, collision_id_;
  std::vector<double> px_, py_, pz_, x_, y_, z_, vt_, vx_, vy_, vz_;
  std::vector<char> is_primary_;
};
