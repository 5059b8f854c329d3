package preview

import "sync"

// cache keeps the pictures that were made last, up to keptSum bytes. The zero value is ready. It is safe for concurrent use.
type cache struct {
	mu     sync.Mutex // guards everything below
	images map[string][]byte
	order  []string // oldest first
	bytes  int
}

func (c *cache) get(key string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.images[key]
}

func (c *cache) put(key string, image []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.images == nil {
		c.images = make(map[string][]byte)
	}
	if _, there := c.images[key]; there {
		return
	}
	c.images[key] = image
	c.order = append(c.order, key)
	for c.bytes += len(image); c.bytes > keptSum; c.order = c.order[1:] {
		c.bytes -= len(c.images[c.order[0]])
		delete(c.images, c.order[0])
	}
}
