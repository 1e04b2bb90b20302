using System.Text.Json.Serialization;

namespace Sleb.Core.Search;

/// <summary>How much of the calibration text every candidate sees.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SearchEffort>))]
public enum SearchEffort
{
    /// <summary>All of it: the decisions of the published loop.</summary>
    [JsonStringEnumMemberName("exhaustive")] Exhaustive,

    /// <summary>As much as it takes to rule a candidate out with confidence; the survivors see all of it.</summary>
    [JsonStringEnumMemberName("racing")] Racing,
}
