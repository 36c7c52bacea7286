/* native.sip.Timers for those in C whose timers are part of them: no object a timer, no call to start one. */
#ifndef SIP_TIMERS_TYPE_H
#define SIP_TIMERS_TYPE_H

#include "sip_py.h"
#include "sip_timers.h"

bool sip_is_clock(PyObject *timers); /* for the others it must be true */
double sip_clock_now(PyObject *timers);  /* monotonic, s */
double sip_clock_wall(PyObject *timers); /* Unix time, s */
void sip_clock_read(PyObject *timers);   /* both, as they are, or ahead of that */

/* Starts a timer that doesn't run, whose kind is set. The caller sees to it that `timer` is there until it fired, was dropped or
 * stopped. When `fire` fails, an exception is set. */
void sip_clock_start(PyObject *timers, struct sip_timer *timer, double delay_s);

bool sip_clock_soonest(PyObject *timers, double *deadline); /* false when none runs */
int sip_clock_fire_due(PyObject *timers); /* those whose time has come; -1 when an error was none to go on after */

#endif
