#include "event.h"

#include <limits>

#include <HepMC3/GenParticle.h>
#include <HepMC3/GenVertex.h>

namespace {

constexpr double c_light = 299.792458;  // mm/ns
constexpr double none = std::numeric_limits<double>::quiet_NaN();

// Number of a vertex in its collision, from 0; -1 for none and for the root of the event
int32_t number(const HepMC3::ConstGenVertexPtr &vertex) { return vertex && vertex->id() < 0 ? -vertex->id() - 1 : -1; }

// The vertex where the beams end; where there are no beams, that of the signal (LHCb's status 889), or the first one
int32_t primary(const HepMC3::GenEvent &collision) {
  for (int beam : {4, 3})
    for (const auto &p : collision.particles())
      if (p->status() == beam && number(p->production_vertex()) < 0 && number(p->end_vertex()) >= 0)
        return number(p->end_vertex());
  for (bool any : {false, true})
    for (const auto &p : collision.particles())
      if ((any || p->status() == 889) && number(p->production_vertex()) >= 0) return number(p->production_vertex());
  return -1;
}

}  // namespace

void Generated::add_collision(HepMC3::GenEvent &collision) {
  collision.set_units(HepMC3::Units::MEV, HepMC3::Units::MM);
  for (const auto &p : collision.particles()) {
    const auto production = p->production_vertex();
    const bool produced = number(production) >= 0;
    const int32_t end = number(p->end_vertex());
    event_id_.push_back(event_);
    particle_id_.push_back(particle_++);
    pid_.push_back(p->pid());
    status_.push_back(p->status());
    end_vertex_.push_back(end < 0 ? -1 : vertex_ + end);
    px_.push_back(p->momentum().px());
    py_.push_back(p->momentum().py());
    pz_.push_back(p->momentum().pz());
    x_.push_back(produced ? production->position().x() : none);
    y_.push_back(produced ? production->position().y() : none);
    z_.push_back(produced ? production->position().z() : none);
  }
  const int32_t chosen = primary(collision);
  for (const auto &v : collision.vertices()) {
    vertex_event_id_.push_back(event_);
    vertex_id_.push_back(vertex_ + number(v));
    collision_id_.push_back(collision_);
    vt_.push_back(v->position().t() / c_light);
    vx_.push_back(v->position().x());
    vy_.push_back(v->position().y());
    vz_.push_back(v->position().z());
    is_primary_.push_back(number(v) == chosen);
  }
  vertex_ += static_cast<int32_t>(collision.vertices().size());
  collision_++;
}

lhcb2016_generated Generated::columns() const {
  lhcb2016_generated in = {};
  in.particles.n = pid_.size();
  in.particles.event_id = event_id_.data();
  in.particles.particle_id = particle_id_.data();
  in.particles.end_vertex = end_vertex_.data();
  in.particles.pid = pid_.data();
  in.particles.status = status_.data();
  in.particles.px = px_.data();
  in.particles.py = py_.data();
  in.particles.pz = pz_.data();
  in.particles.charge = nullptr;  // by the PDG id
  in.particles.production_x = x_.data();
  in.particles.production_y = y_.data();
  in.particles.production_z = z_.data();
  in.vertices.n = vertex_id_.size();
  in.vertices.event_id = vertex_event_id_.data();
  in.vertices.vertex_id = vertex_id_.data();
  in.vertices.collision_id = collision_id_.data();
  in.vertices.t = vt_.data();
  in.vertices.x = vx_.data();
  in.vertices.y = vy_.data();
  in.vertices.z = vz_.data();
  in.vertices.is_primary = reinterpret_cast<const bool *>(is_primary_.data());
  return in;
}

void Generated::clear_columns() {
  const int64_t events = n_events_;
  *this = Generated();
  n_events_ = events;
}
