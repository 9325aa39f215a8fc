from debian:12
run echo hi
   copy Makefile /
