package rtmp

// av1Fixed is the size of av1C without OBUs.
const av1Fixed = 4
