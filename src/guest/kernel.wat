;; The Extism kernel of one plugin instance: blocks of memory that the guest
;; and the host exchange, the input, the output and the error. The guest gets
;; these functions as its imports directly, with no JavaScript in between.
;;
;; Memory: 0..15 never used, so that offset 0 means "none"; 16..255 heads of the
;; free lists, one u32 per size class; blocks from 256, each with a header of
;; 16 bytes before its data: u64 length asked for (0 = free), u32 size class
;; (0 = large, not reused), u32 next free block.
;;
;; It also hands the host's hooks to metered guests (src/wasm/plan.ts): their
;; table takes only functions of a module. Faults end in a trap here, because a
;; guest can catch what the host throws, but no trap.
(module
  ;; 0: go on; 1: wait for `suspend`, then ask again; 2: the call is over.
  (import "host" "tick" (func $tick (result i32)))
  (import "host" "suspend" (func $suspend))
  (import "host" "grow" (func $grow (param i32) (result i32)))
  ;; Whether this kernel's own memory may grow by so many pages.
  (import "host" "allow" (func $allow (param i32) (result i32)))
  (memory (export "memory") 2 512)
  (global $top (export "top") (mut i32) (i32.const 256))
  ;; High-water mark: all below was written since the last reset.
  (global $high (export "high") (mut i32) (i32.const 256))
  (global $inputOffset (mut i64) (i64.const 0))
  (global $inputLength (mut i64) (i64.const 0))
  (global $outputOffset (export "outputOffset") (mut i64) (i64.const 0))
  (global $outputLength (export "outputLength") (mut i64) (i64.const 0))
  (global $error (export "error") (mut i64) (i64.const 0))

  (func (export "yield") (local $verdict i32)
    (loop $again
      (local.set $verdict (call $tick))
      (if (i32.eqz (local.get $verdict)) (then (return)))
      (if (i32.eq (local.get $verdict) (i32.const 1))
        (then (call $suspend) (br $again)))
      (unreachable)))
  (func (export "grow") (param $pages i32) (result i32)
    (call $grow (local.get $pages)))

  ;; log2 of the smallest power of two >= n, at least 4
  (func $class (param $n i32) (result i32)
    (i32.sub (i32.const 32) (i32.clz (i32.sub
      (select (i32.const 16) (local.get $n)
        (i32.lt_u (local.get $n) (i32.const 16)))
      (i32.const 1)))))

  ;; Makes room up to $end; 0 when the memory's maximum does not allow it.
  (func $reserve (param $end i64) (result i32)
    (local $have i64) (local $more i32)
    (local.set $have
      (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))
    (if (i64.le_u (local.get $end) (local.get $have))
      (then (return (i32.const 1))))
    (local.set $more (i32.wrap_i64 (i64.shr_u
      (i64.add (i64.sub (local.get $end) (local.get $have)) (i64.const 65535))
      (i64.const 16))))
    (if (i32.gt_u (i32.add (memory.size) (local.get $more)) (i32.const 512))
      (then (return (i32.const 0))))
    (if (i32.eqz (call $allow (local.get $more)))
      (then (return (i32.const 0))))
    (i32.ne (i32.const -1) (memory.grow (local.get $more))))

  (func $alloc (export "alloc") (param $length i64) (result i64)
    (local $n i32) (local $class i32) (local $block i32) (local $size i32)
    (local $end i64)
    (if (i64.eqz (local.get $length)) (then (return (i64.const 0))))
    (if (i64.gt_u (local.get $length) (i64.const 0x10000000))
      (then (return (i64.const 0))))
    (local.set $n (i32.wrap_i64 (local.get $length)))
    (if (i32.le_u (local.get $n) (i32.const 65536))
      (then
        (local.set $class (call $class (local.get $n)))
        (local.set $size (i32.shl (i32.const 1) (local.get $class)))
        (local.set $block
          (i32.load offset=16 (i32.shl (local.get $class) (i32.const 2))))
        (if (local.get $block)
          (then
            ;; A guest that wrote into a header gets nothing, and harms only
            ;; itself: no block ever leaves what reset clears.
            (if (i32.or (i32.lt_u (local.get $block) (i32.const 272))
                  (i64.gt_u
                    (i64.add (i64.extend_i32_u (local.get $block))
                      (i64.extend_i32_u (local.get $size)))
                    (i64.extend_i32_u (global.get $top))))
              (then (return (i64.const 0))))
            (i32.store offset=16 (i32.shl (local.get $class) (i32.const 2))
              (i32.load (i32.sub (local.get $block) (i32.const 4))))
            (i64.store (i32.sub (local.get $block) (i32.const 16))
              (local.get $length))
            (return (i64.extend_i32_u (local.get $block))))))
      (else
        (local.set $size (i32.and (i32.add (local.get $n) (i32.const 15))
          (i32.const -16)))))
    (local.set $block (i32.add (global.get $top) (i32.const 16)))
    (local.set $end (i64.add (i64.extend_i32_u (local.get $block))
      (i64.extend_i32_u (local.get $size))))
    (if (i32.eqz (call $reserve (local.get $end)))
      (then (return (i64.const 0))))
    (global.set $top (i32.wrap_i64 (local.get $end)))
    (if (i32.gt_u (global.get $top) (global.get $high))
      (then (global.set $high (global.get $top))))
    (i64.store (i32.sub (local.get $block) (i32.const 16)) (local.get $length))
    (i32.store (i32.sub (local.get $block) (i32.const 8)) (local.get $class))
    (i64.extend_i32_u (local.get $block)))

  ;; Could $offset be a block? The guest may pass anything.
  (func $isBlock (param $offset i64) (result i32)
    (i32.and (i32.and
      (i64.ge_u (local.get $offset) (i64.const 272))
      (i64.lt_u (local.get $offset) (i64.extend_i32_u (global.get $top))))
      (i64.eqz (i64.and (local.get $offset) (i64.const 15)))))

  (func (export "free") (param $offset i64)
    (local $block i32) (local $class i32)
    (if (i32.eqz (call $isBlock (local.get $offset))) (then (return)))
    (local.set $block (i32.wrap_i64 (local.get $offset)))
    (local.set $class
      (i32.load (i32.sub (local.get $block) (i32.const 8))))
    (if (i64.eqz (i64.load (i32.sub (local.get $block) (i32.const 16))))
      (then (return)))
    (if (i32.or (i32.lt_u (local.get $class) (i32.const 4))
          (i32.gt_u (local.get $class) (i32.const 16)))
      (then (return)))
    (i64.store (i32.sub (local.get $block) (i32.const 16)) (i64.const 0))
    (i32.store (i32.sub (local.get $block) (i32.const 4))
      (i32.load offset=16 (i32.shl (local.get $class) (i32.const 2))))
    (i32.store offset=16 (i32.shl (local.get $class) (i32.const 2))
      (local.get $block)))

  (func $length (export "length") (param $offset i64) (result i64)
    (if (result i64) (call $isBlock (local.get $offset))
      (then (i64.load
        (i32.sub (i32.wrap_i64 (local.get $offset)) (i32.const 16))))
      (else (i64.const 0))))
  (func (export "length_unsafe") (param $offset i64) (result i64)
    (call $length (local.get $offset)))

  ;; Are the $n bytes at $offset below the top?
  (func $isInside (param $offset i64) (param $n i64) (result i32)
    (i32.and
      (i64.le_u (local.get $n) (i64.extend_i32_u (global.get $top)))
      (i64.le_u (local.get $offset)
        (i64.sub (i64.extend_i32_u (global.get $top)) (local.get $n)))))

  (func (export "load_u8") (param $offset i64) (result i32)
    (if (i32.eqz (call $isInside (local.get $offset) (i64.const 1)))
      (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (local.get $offset))))
  (func (export "load_u64") (param $offset i64) (result i64)
    (if (i32.eqz (call $isInside (local.get $offset) (i64.const 8)))
      (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (local.get $offset))))
  ;; Stores below 256 would reach the free lists: ignored.
  (func (export "store_u8") (param $offset i64) (param $value i32)
    (if (i64.lt_u (local.get $offset) (i64.const 256)) (then (return)))
    (if (i32.eqz (call $isInside (local.get $offset) (i64.const 1)))
      (then (return)))
    (i32.store8 (i32.wrap_i64 (local.get $offset)) (local.get $value)))
  (func (export "store_u64") (param $offset i64) (param $value i64)
    (if (i64.lt_u (local.get $offset) (i64.const 256)) (then (return)))
    (if (i32.eqz (call $isInside (local.get $offset) (i64.const 8)))
      (then (return)))
    (i64.store (i32.wrap_i64 (local.get $offset)) (local.get $value)))

  (func (export "input_offset") (result i64) (global.get $inputOffset))
  (func (export "input_length") (result i64) (global.get $inputLength))
  (func (export "input_load_u8") (param $index i64) (result i32)
    (if (i64.ge_u (local.get $index) (global.get $inputLength))
      (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64
      (i64.add (global.get $inputOffset) (local.get $index)))))
  (func (export "input_load_u64") (param $index i64) (result i64)
    (if (i64.gt_u (local.get $index) (global.get $inputLength))
      (then (return (i64.const 0))))
    (if (i64.lt_u
          (i64.sub (global.get $inputLength) (local.get $index)) (i64.const 8))
      (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64
      (i64.add (global.get $inputOffset) (local.get $index)))))

  ;; A range outside the memory ends the call with a trap.
  (func (export "output_set") (param $offset i64) (param $n i64)
    (if (i32.eqz (call $isInside (local.get $offset) (local.get $n)))
      (then (unreachable)))
    (global.set $outputOffset (local.get $offset))
    (global.set $outputLength (local.get $n)))
  (func (export "error_set") (param $offset i64)
    (global.set $error (local.get $offset)))
  (func (export "error_get") (result i64) (global.get $error))

  ;; For the host only: the offset of a new input block, or 0.
  (func (export "setInput") (param $n i32) (result i32)
    (local $block i64)
    (local.set $block (call $alloc (i64.extend_i32_u (local.get $n))))
    (global.set $inputOffset (local.get $block))
    (global.set $inputLength (select (i64.extend_i32_u (local.get $n))
      (i64.const 0) (i64.ne (local.get $block) (i64.const 0))))
    (i32.wrap_i64 (local.get $block)))
  (func (export "allocHost") (param $n i32) (result i32)
    (i32.wrap_i64 (call $alloc (i64.extend_i32_u (local.get $n)))))
  ;; No answer yet; blocks stay.
  (func (export "clearAnswer")
    (global.set $outputOffset (i64.const 0))
    (global.set $outputLength (i64.const 0))
    (global.set $error (i64.const 0)))
  ;; As new: nothing of one call is left for the next.
  (func (export "reset")
    (memory.fill (i32.const 16) (i32.const 0)
      (i32.sub (global.get $high) (i32.const 16)))
    (global.set $top (i32.const 256))
    (global.set $high (i32.const 256))
    (global.set $inputOffset (i64.const 0))
    (global.set $inputLength (i64.const 0))
    (global.set $outputOffset (i64.const 0))
    (global.set $outputLength (i64.const 0))
    (global.set $error (i64.const 0))))
