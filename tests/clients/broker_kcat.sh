#!/usr/bin/env bash
# kcat, which Debian builds with librdkafka 2.0, on a broker: broker_kcat.sh BOOTSTRAP
set -u
broker=$1
name=kcat-$$-$RANDOM
failed=0
step() { # NAME EXPECTED FOUND
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "FAILED $1: expected '$2', found '$3'"; failed=1; fi
}
kcat() { timeout 20 kcat -b "$broker" "$@" 2>/dev/null; }

seq 1 1000 | kcat -P -t "$name"
step a_topic_appears_when_it_is_written_to "1" "$(kcat -L -t "$name" | grep -c "topic \"$name\" with 1 partitions")"
step messages_come_back "500500" "$(kcat -C -t "$name" -e -q | awk '{s += $1} END {print s}')"
for codec in gzip snappy lz4 zstd; do
    seq 1 200 | kcat -P -t "$name-$codec" -z $codec
    step "codec_$codec" "200" "$(kcat -C -t "$name-$codec" -e -q | wc -l)"
done
echo "k1:v1" | kcat -P -t "$name-keys" -K: -H one=1 -H two=2
step keys_and_headers_come_back "k1 v1 one=1,two=2" "$(kcat -C -t "$name-keys" -e -q -f '%k %s %h\n')"
step reading_begins_at_an_offset "991" "$(kcat -C -t "$name" -o 990 -e -q | head -1)"
step reading_begins_before_the_end "996" "$(kcat -C -t "$name" -o -5 -e -q | head -1)"
step a_time_before_all_is_the_first_offset "0" "$(kcat -Q -t "$name:0:1" | sed 's/.*offset //')"
step the_end_is_told "1000" "$(kcat -Q -t "$name:0:-1" | sed 's/.*offset //')"
step a_group_reads_once "1000" "$(kcat -G "$name" "$name" -X auto.offset.reset=earliest -e -q | wc -l)"
exit $failed
