//! Each test of the conformance suite under a name of its own for each engine and way of writing.
//! A test that nobody lists is dead code, and the compiler says so.

/// Makes tests of functions that take a [`World`](crate::world::World).
macro_rules! conformance {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::world::sqlite(&tuikuan_store::Options::default()).await).await;
                }
            )+
        }

        mod in_memory {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::world::memory().await).await;
                }
            )+
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::scratch::on_postgres(super::$test).await;
                }
            )+
        }
    };
}
