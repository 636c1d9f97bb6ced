//! Reading lists, page by page.

use std::collections::HashSet;

use http::Method;
use serde::Deserialize;

use super::client::ManagementClient;
use super::error::ManagementError;
use super::resource::ArmResource;
use super::resource_type::{ListIn, ResourceType};
use super::scope::encoded;
use crate::api::{ApiResponse, Call};

/// A filter and a page size for a list.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::ListQuery;
///
/// let query = ListQuery::default().with_filter("contains(name, 'contoso')").with_page_size(100);
/// # let _ = query;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ListQuery {
    filter: Option<Box<str>>,
    page_size: Option<u8>,
}

impl ListQuery {
    /// Lists only the resources that match an OData filter. The service supports `name`, with `eq`, `ne`, `contains`, `and`,
    /// `or` and `not`.
    pub fn with_filter(mut self, filter: &str) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// Sets the resources per page: 1 to 100. Larger numbers count as 100. Default: that of the service, which is 20.
    pub fn with_page_size(mut self, size: u8) -> Self {
        self.page_size = Some(size.clamp(1, LARGEST_PAGE));
        self
    }

    fn text(&self) -> String {
        let filter = self.filter.as_ref();
        let filter = filter.map_or(String::new(), |filter| format!("&$filter={}", encoded(filter)));
        let size = self.page_size.map_or(String::new(), |size| format!("&$top={size}"));
        filter + &size
    }
}

impl ManagementClient {
    /// Reads all resources of type `K` in `scope`. Their order means nothing.
    ///
    /// # Errors
    ///
    /// [`ManagementError::ForeignUrl`] if a page is on another host; [`ManagementError::Circular`] if it was already read;
    /// [`ManagementError::TooManyPages`] after 1000 pages; [`ManagementError::Api`].
    pub async fn list<K: ResourceType>(
        &self,
        scope: &impl ListIn<K>,
        query: &ListQuery,
    ) -> Result<Vec<ArmResource<K>>, ManagementError> {
        let mut path = self.versioned(&scope.list_path(), K::IS_PREVIEW) + &query.text();
        let (mut resources, mut visited) = (Vec::new(), HashSet::new());
        for _ in 0..MAX_PAGES {
            let call = Call::new(OPERATION, Method::GET, &path);
            let until = self.api.deadline();
            let page: Page<K> = self.api.send(&call, until, ApiResponse::json).await?;
            resources.extend(page.value.unwrap_or_default());
            let Some(next) = page.next_link.filter(|link| !link.is_empty()) else {
                return Ok(resources);
            };
            let next = self.path_of(OPERATION, &next)?;
            visited.insert(std::mem::replace(&mut path, next));
            if visited.contains(&path) {
                return Err(ManagementError::Circular { operation: OPERATION });
            }
        }
        Err(ManagementError::TooManyPages { operation: OPERATION, limit: MAX_PAGES })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "K: ResourceType")]
struct Page<K> {
    value: Option<Vec<ArmResource<K>>>,
    next_link: Option<String>,
}

const OPERATION: &str = "list";
const LARGEST_PAGE: u8 = 100;

/// A hundred thousand resources on full pages: far more than a subscription can have.
const MAX_PAGES: usize = 1000;
