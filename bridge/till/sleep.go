package till

import "context"

// Resumed is told that the computer slept, or stood still for long, or that its clock jumped. A line may be dead by then
// without a sign of it, or lead to another device, so each is opened anew. A dialogue that slept is given up and the
// terminal asked what became of its payment; one under a clock that only jumped is left to its end.
func (d *Desk) Resumed(slept bool) {
	for _, w := range d.workers {
		w.resumed(slept)
	}
}

// resumed marks the line as one to be opened anew, and ends the dialogue where it slept.
func (w *worker) resumed(slept bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stale = w.session != nil
	if slept && w.wake != nil {
		w.wake()
	}
	w.prod()
}

// wakeable lets a sleep of the computer end a call into the driver, until the function that it returns is called.
func (w *worker) wakeable(cancel context.CancelFunc) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wake = cancel
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wake = nil
	}
}
